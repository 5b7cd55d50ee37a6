"""The simulated card processor: keys and what is kept under them, and what it refuses as the vendor does."""

from typing import Any

import httpx2
import pytest

from app.clock import ManualClock, SystemClock
from app.sandbox.config import SandboxConfig
from tests.sandbox.world import STRIPE, Wallet, book, dial, running

PAYMENT = {"amount": "2500", "currency": "usd"}


async def post(client: httpx2.AsyncClient, path: str, fields: dict[str, str], *, key: str = "") -> httpx2.Response:
    headers = {**STRIPE, **({"Idempotency-Key": key} if key else {})}
    return await client.post(f"/stripe/v1{path}", data=fields, headers=headers)


async def test_a_key_keeps_what_it_first_answered_for_a_day_a_500_included(
    config: SandboxConfig, wallet: Wallet
) -> None:
    async with running(config, wallet, ManualClock(SystemClock().now())) as client:
        first = (await post(client, "/payment_intents", PAYMENT, key="key-1")).json()
        await dial(client, "stripe", "create_payment_intent", "error")
        assert (await post(client, "/payment_intents", PAYMENT, key="key-2")).status_code == 500
        await client.post("/control/clock", json={"advance_s": 24 * 3_600 - 1})
        again = await post(client, "/payment_intents", PAYMENT, key="key-1")
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (first, "true")
        assert (await post(client, "/payment_intents", PAYMENT, key="key-2")).status_code == 500
        await client.post("/control/clock", json={"advance_s": 1})
        anew = [await post(client, "/payment_intents", PAYMENT, key=key) for key in ("key-1", "key-2")]
        assert [answer.status_code for answer in anew] == [200, 200]
        assert len((await book(client, "stripe"))["payment_intents"]) == 3


async def test_a_key_is_for_one_request_and_what_was_refused_is_not_kept(client: httpx2.AsyncClient) -> None:
    refused = await post(client, "/payment_intents", {**PAYMENT, "amount": "49"}, key="key-1")
    assert refused.json()["error"]["code"] == "amount_too_small"
    made = await post(client, "/payment_intents", PAYMENT, key="key-1")
    assert made.status_code == 200
    other = await post(client, "/payment_intents", {**PAYMENT, "amount": "2501"}, key="key-1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert (await post(client, "/payment_intents", PAYMENT, key="k" * 256)).status_code == 400


REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("/payment_intents", {"currency": "usd"}, "parameter_missing"),
    ("/payment_intents", {**PAYMENT, "amount": "25.00"}, "parameter_invalid_integer"),
    ("/payment_intents", {**PAYMENT, "amount": "100000000"}, "amount_too_large"),
    ("/payment_intents", {**PAYMENT, "colour": "blue"}, "parameter_unknown"),
    ("/transfers", {**PAYMENT, "destination": "acct_none"}, "resource_missing"),
    ("/payouts", PAYMENT, "parameter_missing"),
    ("/refunds", {"payment_intent": "pi_none"}, "resource_missing"),
]


@pytest.mark.parametrize(("path", "fields", "code"), REFUSED)
async def test_what_the_vendor_would_refuse_is_refused_by_its_code(
    client: httpx2.AsyncClient, path: str, fields: dict[str, str], code: str
) -> None:
    answer = await post(client, path, fields)
    assert (400 <= answer.status_code < 500, answer.json()["error"]["code"]) == (True, code)


async def test_a_body_that_is_no_form_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/stripe/v1/payment_intents", json=PAYMENT, headers=STRIPE)
    told: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, told["type"]) == (400, "invalid_request_error")


async def test_nobody_is_paid_before_it_is_known_who_they_are(client: httpx2.AsyncClient) -> None:
    asked = {"country": "US", "capabilities[transfers][requested]": "true"}
    payee = (await post(client, "/accounts", asked)).json()
    assert payee["capabilities"] == {"transfers": "inactive"}
    assert "individual.dob.day" in payee["requirements"]["currently_due"]
    refused = await post(client, "/transfers", {**PAYMENT, "destination": payee["id"]})
    assert refused.json()["error"]["code"] == "insufficient_capabilities_for_transfer"
    told = {
        "business_type": "individual",
        "individual[first_name]": "Ada",
        "individual[last_name]": "Doe",
        "individual[dob][day]": "10",
        "individual[address][line1]": "20 Ingram Street",
        "individual[ssn_last_4]": "0000",
    }
    payee = (await post(client, f"/accounts/{payee['id']}", told)).json()
    assert (payee["capabilities"], payee["requirements"]["currently_due"]) == ({"transfers": "active"}, [])
    assert (await post(client, "/transfers", {**PAYMENT, "destination": payee["id"]})).status_code == 200
