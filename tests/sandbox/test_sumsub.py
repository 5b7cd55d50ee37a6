import time
from typing import Any

import httpx2
import pytest

from app.sandbox.sumsub.wire import request_signature, webhook_signature
from tests.sandbox.world import Wallet, book, dial, eventually

SECRET = "sumsub-secret-1"


class Signing(httpx2.Auth):
    """Signs requests as the vendor documents it, over the bytes on the wire."""

    requires_request_body = True

    def __init__(self, *, secret: str = SECRET, age_s: int = 0, prefix: bool = True) -> None:
        self._secret, self._age_s, self._prefix = secret, age_s, prefix

    def auth_flow(self, request: httpx2.Request) -> Any:
        timestamp = str(int(time.time()) - self._age_s)
        target = request.url.raw_path.decode()
        target = target if self._prefix else target.removeprefix("/sumsub")
        request.headers["X-App-Token"] = "sbx:any"
        request.headers["X-App-Access-Ts"] = timestamp
        request.headers["X-App-Access-Sig"] = request_signature(
            self._secret, timestamp, request.method, target, request.content
        )
        yield request


async def applicant(client: httpx2.AsyncClient, external_id: str = "user-1") -> Any:
    answer = await client.post(
        "/sumsub/resources/applicants?levelName=basic-kyc-level", json={"externalUserId": external_id}, auth=Signing()
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("method", "target", "body", "expected"),
    [
        (
            "POST",
            "/resources/applicants?levelName=basic-kyc-level",
            b'{"externalUserId":"user-1"}',
            "00e8b5f44b76800fc7764ddcdd1f5c22882e86c56cc40e24d56c156749a9c5e1",
        ),
        (
            "GET",
            "/resources/applicants/-;externalUserId=user-1/one",
            b"",
            "aec528a0881187248f16a7e05d28350f86f196b476b0e0d2b0273a62615e1da6",
        ),
    ],
)
def test_request_signatures_fit_the_published_vectors(method: str, target: str, body: bytes, expected: str) -> None:
    assert request_signature("sumsub-secret-1", "1795000000", method, target, body) == expected


def test_webhook_signatures_fit_the_published_vector() -> None:
    body = b'{"applicantId":"5cb56e8e0a975a35f333cb83","type":"applicantReviewed"}'
    expected = "60f123823e35561e35fe48ce4d5c30de33dec5c6f41ec74f31d157fb4c723dc6"
    assert webhook_signature("sumsub-wh-1", body) == expected


@pytest.mark.parametrize("auth", [Signing(secret="other"), Signing(age_s=120), Signing(age_s=-120)])
async def test_a_wrong_or_old_signature_is_refused(client: httpx2.AsyncClient, auth: Signing) -> None:
    answer = await client.get("/sumsub/resources/applicants/-;externalUserId=user-1/one", auth=auth)
    assert answer.status_code == 401
    assert set(answer.json()) >= {"code", "description", "correlationId"}


async def test_a_signature_over_the_vendors_own_path_is_accepted_behind_the_prefix(
    client: httpx2.AsyncClient,
) -> None:
    made = await applicant(client, "user with space")
    path = "/sumsub/resources/applicants/-;externalUserId=user%20with%20space/one"
    for prefix in (True, False):
        found = await client.get(path, auth=Signing(prefix=prefix))
        assert found.json()["id"] == made["id"]


async def test_a_repeated_external_id_is_a_409_that_names_the_applicant(client: httpx2.AsyncClient) -> None:
    made = await applicant(client)
    again = await client.post(
        "/sumsub/resources/applicants?levelName=basic-kyc-level", json={"externalUserId": "user-1"}, auth=Signing()
    )
    assert again.status_code == 409
    assert made["id"] in again.json()["description"]
    assert len((await book(client, "sumsub"))["applicants"]) == 1


async def test_a_review_is_told_with_its_verdict_and_a_true_digest(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    made = await applicant(client)
    verdict = {"applicant_id": made["id"], "reviewAnswer": "RED", "reviewRejectType": "RETRY"}
    assert (await client.post("/control/sumsub/review", json=verdict)).status_code == 200

    async def reviewed() -> bool:
        return len(wallet.events("sumsub")) == 3

    await eventually(reviewed)
    kinds = [event["type"] for event in wallet.events("sumsub")]
    assert kinds == ["applicantCreated", "applicantPending", "applicantReviewed"]
    last = wallet.received[-1]
    assert last.json()["reviewResult"] == {"reviewAnswer": "RED", "reviewRejectType": "RETRY"}
    assert last.headers["x-payload-digest-alg"] == "HMAC_SHA256_HEX"
    assert last.headers["x-payload-digest"] == webhook_signature("sumsub-wh-1", last.body)
    status = await client.get(f"/sumsub/resources/applicants/{made['id']}/status", auth=Signing())
    assert (status.json()["reviewStatus"], status.json()["reviewResult"]["reviewAnswer"]) == ("completed", "RED")


async def test_a_test_verdict_and_a_reset_move_the_applicant_both_ways(client: httpx2.AsyncClient) -> None:
    made = await applicant(client)
    one = f"/sumsub/resources/applicants/{made['id']}"
    await client.post(f"{one}/status/testCompleted", json={"reviewAnswer": "GREEN"}, auth=Signing())
    assert (await client.get(f"{one}/one", auth=Signing())).json()["review"]["reviewStatus"] == "completed"
    await client.post(f"{one}/reset", auth=Signing())
    assert (await client.get(f"{one}/status", auth=Signing())).json()["reviewStatus"] == "init"


async def test_sdk_tokens_come_from_both_the_current_and_the_legacy_call(client: httpx2.AsyncClient) -> None:
    body = {"userId": "user-1", "levelName": "basic-kyc-level", "ttlInSecs": 600}
    current = await client.post("/sumsub/resources/accessTokens/sdk", json=body, auth=Signing())
    legacy = await client.post(
        "/sumsub/resources/accessTokens?userId=user-1&levelName=basic-kyc-level&ttlInSecs=600", auth=Signing()
    )
    for answer in (current, legacy):
        assert answer.json()["token"].startswith("_act-")
        assert answer.json()["userId"] == "user-1"


async def test_a_share_token_makes_one_verified_applicant_and_no_second(client: httpx2.AsyncClient) -> None:
    donor = await applicant(client, "donor")
    await client.post("/control/sumsub/review", json={"applicant_id": donor["id"], "reviewAnswer": "GREEN"})
    shared = await client.post(
        "/sumsub/resources/accessTokens/shareToken",
        json={"applicantId": donor["id"], "forClientId": "us"},
        auth=Signing(),
    )
    query = {"shareToken": shared.json()["token"], "levelName": "basic-kyc-level", "userId": "user-2"}
    path = "/sumsub/resources/api/reusableIdentity/reuse"
    reused = await client.post(path, params=query, auth=Signing())
    assert reused.json()["review"]["reviewResult"]["reviewAnswer"] == "GREEN"
    again = await client.post(path, params=query | {"userId": "user-3"}, auth=Signing())
    assert again.status_code == 400


async def test_a_declined_applicant_is_a_4xx_in_the_vendors_format(client: httpx2.AsyncClient) -> None:
    await dial(client, "sumsub", "create_applicant", "decline")
    answer = await client.post(
        "/sumsub/resources/applicants?levelName=x", json={"externalUserId": "user-1"}, auth=Signing()
    )
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
