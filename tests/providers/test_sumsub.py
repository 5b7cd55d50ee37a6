"""Sumsub: signed requests, one applicant per person, and nobody verified who is not."""

import hmac
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.errors import Malformed, SignatureInvalid
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.ports import Applicant
from app.providers.sumsub import wire
from app.providers.sumsub.adapter import SumsubAdapter
from app.providers.sumsub.signing import signer
from app.providers.sumsub.webhooks import read_events
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor

NOW = datetime.fromtimestamp(1_795_000_000, UTC)
SECRETS = [SecretStr("sumsub-wh-1")]
BODY = b'{"applicantId":"5cb56e8e0a975a35f333cb83","type":"applicantReviewed"}'
DIGEST = "60f123823e35561e35fe48ce4d5c30de33dec5c6f41ec74f31d157fb4c723dc6"
PINNED = {"x-payload-digest": DIGEST, "x-payload-digest-alg": "HMAC_SHA256_HEX"}
CONFLICT = Answer(409, {"code": 409, "description": "Applicant ... already exists", "correlationId": "r"})
APPLICANT = {"id": "app-1", "externalUserId": "user-1"}


def sumsub_signer(clock: ManualClock) -> Any:
    return signer(SecretStr("sbx:t"), SecretStr("sumsub-secret-1"), clock)


@asynccontextmanager
async def sumsub(vendor: TinyVendor, base_url: str) -> AsyncIterator[SumsubAdapter]:
    clock = ManualClock(NOW)
    transport = Transport(
        "sumsub",
        base_url=base_url,
        timeout_s=1,
        error_code=wire.error_code,
        sign=sumsub_signer(clock),
        transport=httpx2.ASGITransport(vendor),
    )
    yield SumsubAdapter(transport, level="basic-kyc-level", clock=clock)
    await transport.aclose()


def answering(*answers: Answer) -> tuple[TinyVendor, AbstractAsyncContextManager[SumsubAdapter]]:
    vendor = TinyVendor(*answers)
    return vendor, sumsub(vendor, "http://sumsub.test")


async def test_requests_carry_the_published_signatures() -> None:
    vendor, opened = answering(CONFLICT, Answer(200, APPLICANT))
    async with opened as people:
        await people.applicant_for("user-1")
    created, read = vendor.asked
    assert created.body == b'{"externalUserId":"user-1"}'
    assert created.headers["x-app-access-ts"] == "1795000000"
    assert created.headers["x-app-token"] == "sbx:t"
    assert created.headers["x-app-access-sig"] == "00e8b5f44b76800fc7764ddcdd1f5c22882e86c56cc40e24d56c156749a9c5e1"
    assert read.headers["x-app-access-sig"] == "aec528a0881187248f16a7e05d28350f86f196b476b0e0d2b0273a62615e1da6"


def test_what_is_signed_is_what_goes_on_the_wire() -> None:
    client = httpx2.Client(base_url="http://sumsub.test")
    plain = client.build_request("GET", "/resources/applicants/-;externalUserId=a%7Cb/one")
    sign = sumsub_signer(ManualClock(NOW))
    assert plain.url.raw_path == b"/resources/applicants/-;externalUserId=a%7Cb/one"
    assert sign(plain) != sign(client.build_request("GET", "/resources/applicants/-;externalUserId=a/one"))
    assert sign(plain) != sumsub_signer(ManualClock(NOW + timedelta(seconds=1)))(plain)


async def test_a_new_applicant_is_created_at_our_level() -> None:
    vendor, opened = answering(Answer(201, APPLICANT))
    async with opened as people:
        assert await people.applicant_for("user-1") == Applicant("app-1", "user-1")
    assert (vendor.last.path, vendor.last.query) == ("/resources/applicants", {"levelName": "basic-kyc-level"})


async def test_a_known_applicant_is_found_by_our_id() -> None:
    vendor, opened = answering(CONFLICT, Answer(200, {"id": "app-1", "externalUserId": "auth0|1"}))
    async with opened as people:
        assert await people.applicant_for("auth0|1") == Applicant("app-1", "auth0|1")
    assert vendor.last.path == "/resources/applicants/-;externalUserId=auth0%7C1/one"


async def test_a_known_applicant_who_cannot_be_found_is_an_unknown_outcome() -> None:
    _, opened = answering(CONFLICT, Answer(404, {"code": 404, "description": "not found"}))
    async with opened as people:
        with pytest.raises(OutcomeUnknown, match="already-exists"):
            await people.applicant_for("user-1")


async def test_a_refused_applicant_is_declined_without_the_vendors_words() -> None:
    _, opened = answering(Answer(400, {"code": 400, "description": "Ada Doe is too young", "correlationId": "r"}))
    async with opened as people:
        with pytest.raises(Declined, match=r"^sumsub: code-400$"):
            await people.applicant_for("user-1")


async def test_a_token_for_the_app_expires_when_it_says() -> None:
    vendor, opened = answering(Answer(200, {"token": "_act-1", "userId": "user-1"}))
    async with opened as people:
        token = await people.sdk_token("user-1")
    assert token.token.get_secret_value() == "_act-1"
    assert token.expires_at == NOW + timedelta(minutes=10)
    assert vendor.last.json == {"userId": "user-1", "levelName": "basic-kyc-level", "ttlInSecs": 600}
    assert "_act-1" not in repr(token)


def completed(answer: str | None, reject: str | None = None, **more: Any) -> dict[str, Any]:
    result = {"reviewAnswer": answer, "reviewRejectType": reject}
    return {"reviewStatus": "completed", "reviewResult": result, **more}


LEVELS: list[tuple[dict[str, Any], str]] = [
    ({}, "none"),
    ({"reviewStatus": "init"}, "none"),
    ({"reviewStatus": "pending"}, "pending"),
    ({"reviewStatus": "queued"}, "pending"),
    ({"reviewStatus": "prechecked"}, "pending"),
    ({"reviewStatus": "awaitingUser"}, "pending"),
    ({"reviewStatus": "awaitingService"}, "pending"),
    ({"reviewStatus": "onHold"}, "pending"),
    ({"reviewStatus": "invented"}, "pending"),
    (completed("GREEN"), "verified"),
    (completed("GREEN", levelName="basic-kyc-level"), "verified"),
    (completed("GREEN", levelName="email-only"), "pending"),
    (completed("RED", "FINAL"), "rejected"),
    (completed("RED", "RETRY"), "pending"),
    (completed("RED"), "rejected"),
    (completed("YELLOW"), "pending"),
    (completed(None), "pending"),
    ({"reviewStatus": "completed"}, "pending"),
    ({"reviewStatus": "pending", "reviewResult": {"reviewAnswer": "GREEN"}}, "pending"),
    ({"reviewStatus": "onHold", "reviewResult": {"reviewAnswer": "RED", "reviewRejectType": "FINAL"}}, "pending"),
]


@pytest.mark.parametrize(("found", "level"), LEVELS)
def test_verified_is_a_completed_green_at_our_level_and_nothing_else(found: dict[str, Any], level: str) -> None:
    assert wire.review_level(found, level="basic-kyc-level") == level


async def test_a_review_says_whom_it_is_about() -> None:
    vendor, opened = answering(Answer(200, APPLICANT | {"review": completed("GREEN")}))
    async with opened as people:
        review = await people.review("app-1")
    assert review is not None
    assert (review.applicant_id, review.external_user_id, review.level) == ("app-1", "user-1", "verified")
    assert vendor.last.path == "/resources/applicants/app-1/one"


async def test_an_unknown_applicant_has_no_review() -> None:
    _, opened = answering(Answer(404, {"code": 404, "description": "not found"}), Answer(404, b"<html>"))
    async with opened as people:
        assert await people.review("app-1") is None
        with pytest.raises(Unavailable):
            await people.review("app-1")


def test_the_published_digest_is_accepted() -> None:
    (event,) = read_events(BODY, PINNED, SECRETS)
    assert (event.type, event.refs) == ("applicantReviewed", ("sumsub:applicant:5cb56e8e0a975a35f333cb83",))
    assert read_events(BODY, {"x-payload-digest": DIGEST.upper()}, SECRETS)


FORGED = [
    {},
    {**PINNED, "x-payload-digest-alg": "HMAC_SHA1_HEX"},
    {"x-payload-digest": "f" * 64},
    {"x-payload-digest": "\u00e9"},
]


@pytest.mark.parametrize("headers", FORGED)
def test_the_header_does_not_choose_the_algorithm_nor_the_digest(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        read_events(BODY, headers, SECRETS)


def told(text: str) -> Any:
    body = text.encode()
    digest = sumsub_digest(body)
    return read_events(body, {"x-payload-digest": digest}, SECRETS)[0]


def sumsub_digest(body: bytes) -> str:
    return hmac.new(b"sumsub-wh-1", body, "sha256").hexdigest()


def test_an_event_is_known_by_applicant_type_and_moment() -> None:
    text = (
        '{"applicantId":"a","type":"applicantReviewed","createdAtMs":"2026-11-20 05:00:00.000","externalUserId":"u",'
        '"reviewStatus":"completed","reviewResult":{"reviewAnswer":"RED","clientComment":"Ada looks odd"}}'
    )
    event = told(text)
    assert event.event_id == "a:applicantReviewed:2026-11-20 05:00:00.000"
    assert event.payload["reviewAnswer"] == "RED"
    assert "Ada" not in repr(event)
    assert told(text.replace("05:00:00.000", "05:00:00.001")).event_id != event.event_id


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type":"t"}', '{"applicantId":"a"}', '{"applicantId":1,"type":"t"}']
)
def test_a_signed_body_that_is_no_event_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        told(text)
