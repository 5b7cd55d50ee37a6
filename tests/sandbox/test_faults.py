from time import monotonic

import httpx2
import pytest

from tests.sandbox.world import PLAID, TATUM, UNIT, book, dial, pay, payment

ONE_READ_PER_VENDOR = [
    ("unit", "list_payments", "GET", "/payments", UNIT),
    ("tatum", "rate", "GET", "/v4/data/rate/symbol?symbol=BTC&basePair=USD", TATUM),
    ("plaid", "get_item", "POST", "/item/get", PLAID),
    ("auth0", "jwks", "GET", "/.well-known/jwks.json", {}),
]


@pytest.mark.parametrize(("vendor", "operation", "method", "path", "headers"), ONE_READ_PER_VENDOR)
async def test_an_error_and_a_rate_limit_come_as_often_as_dialled_and_in_the_vendors_format(
    client: httpx2.AsyncClient, vendor: str, operation: str, method: str, path: str, headers: dict[str, str]
) -> None:
    await dial(client, vendor, operation, "error", times=2)
    await dial(client, vendor, operation, "rate_limit")
    answers = [await client.request(method, f"/{vendor}{path}", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers[:3]] == [500, 500, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert answers[3].status_code not in {500, 429}
    assert all("detail" not in answer.json() for answer in answers)


async def test_a_failed_call_leaves_nothing_behind(client: httpx2.AsyncClient) -> None:
    for fault in ("error", "rate_limit"):
        await dial(client, "unit", "create_payment", fault)
        answer = await client.post("/unit/payments", json=payment(idempotencyKey="k"), headers=UNIT)
        assert answer.status_code in {500, 429}
    assert (await book(client, "unit"))["payments"] == []


async def test_a_slow_call_is_answered_late_but_in_full(client: httpx2.AsyncClient) -> None:
    await dial(client, "unit", "create_payment", "slow", delay_ms=200)
    begun = monotonic()
    await pay(client)
    assert monotonic() - begun >= 0.2


async def test_any_operation_can_be_meant(client: httpx2.AsyncClient) -> None:
    await dial(client, "unit", "*", "error")
    assert (await client.get("/unit/events", headers=UNIT)).status_code == 500
    assert (await client.get("/unit/events", headers=UNIT)).status_code == 200


async def test_a_call_without_credentials_does_not_use_up_a_fault(client: httpx2.AsyncClient) -> None:
    await dial(client, "unit", "list_payments", "error")
    assert (await client.get("/unit/payments")).status_code == 401
    assert (await client.get("/unit/payments", headers=UNIT)).status_code == 500


async def test_every_call_is_logged_with_its_correlation_and_key(client: httpx2.AsyncClient) -> None:
    headers = UNIT | {"X-Correlation-ID": "cor-1"}
    await client.post("/unit/payments", json=payment(idempotencyKey="key-1"), headers=headers)
    await client.get("/unit/payments")
    first, second = (await client.get("/control/unit/calls")).json()["items"]
    assert (first["operation"], first["correlation_id"], first["idempotency_key"], first["status"]) == (
        "create_payment",
        "cor-1",
        "key-1",
        201,
    )
    assert (second["operation"], second["status"]) == ("list_payments", 401)
    assert (await client.get("/control/tatum/calls")).json()["items"] == []
    await client.post("/control/reset")
    assert (await client.get("/control/unit/calls")).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"vendor": "unit", "operation": "no_such", "fault": "error"},
        {"vendor": "unit", "operation": "create_payment", "fault": "no_such"},
        {"vendor": "unit", "operation": "create_payment", "fault": "error", "times": 0},
        {"vendor": "unit", "operation": "create_payment", "fault": "error", "unknown": 1},
    ],
)
async def test_a_dial_that_means_nothing_is_refused(client: httpx2.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post("/control/faults", json=body)).status_code == 422


async def test_a_body_that_is_too_large_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/unit/payments", content=b" " * 1_000_001, headers=UNIT)
    assert (answer.status_code, answer.json()["errors"][0]["status"]) == (413, "413")
