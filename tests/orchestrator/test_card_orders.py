"""Card top-ups and payouts as customers' apps order them: the secret is theirs, for as long as it is of use."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.ids import new_id, stored_id
from app.ledger.accounts import AccountStatus
from app.orchestrator.progress import order_status
from tests.worlds import BOOK, Customer, World


async def post(world: World, customer: Customer, path: str, body: dict[str, Any], key: str = "") -> httpx2.Response:
    headers = {**await world.signed_in(customer.name), "Idempotency-Key": key or new_id("key")}
    return await world.api.post(path, json=body, headers=headers)


async def get(world: World, customer: Customer, path: str) -> dict[str, Any]:
    seen: dict[str, Any] = (await world.api.get(path, headers=await world.signed_in(customer.name))).json()
    return seen


async def paid_with(world: World, client_secret: str) -> httpx2.Response:
    """What the vendor's SDK in a customer's app does."""
    payment_id = client_secret.partition("_secret_")[0]
    return await world.desk.post(
        f"/stripe/v1/payment_intents/{payment_id}/confirm",
        data={"payment_method": "pm_card_visa", "client_secret": client_secret},
        headers={"Authorization": "Bearer pk_test_any"},
    )


async def test_a_customer_pays_with_the_secret_that_the_answer_held(calm_world: World, rich_ada: Customer) -> None:
    world, asked = calm_world, {"account_id": rich_ada.dollars_id, "amount": "20.47"}
    answer = await post(world, rich_ada, "/v1/card-topups", asked)
    assert answer.status_code == 202
    topup = answer.json()
    assert (topup["status"], topup["amount"], topup["currency"]) == ("awaiting_payment", "20.47", "USD")
    shown = await get(world, rich_ada, f"/v1/card-topups/{topup['id']}")
    assert shown["client_secret"] == topup["client_secret"]
    assert (await paid_with(world, topup["client_secret"])).status_code == 200
    await world.settle()
    shown = await get(world, rich_ada, f"/v1/card-topups/{topup['id']}")
    assert (shown["status"], shown["client_secret"]) == ("completed", None)
    assert await world.available(rich_ada.dollars_id) == "520.47"
    await world.audit()


async def test_the_secret_lies_nowhere_in_the_clear(
    calm_world: World, rich_ada: Customer, capsys: pytest.CaptureFixture[str]
) -> None:
    world, asked, key = calm_world, {"account_id": rich_ada.dollars_id, "amount": "20.47"}, new_id("key")
    first = (await post(world, rich_ada, "/v1/card-topups", asked, key)).json()
    secret = first["client_secret"]
    for name in await world.runtime.database.list_collection_names():
        async for document in world.runtime.database[name].find({}):
            assert secret not in repr(document)
    for each in await world.runtime.redis.keys("*"):
        assert secret.encode() not in (await world.runtime.redis.dump(each) or b"")
    told = capsys.readouterr()
    assert secret not in told.out + told.err
    again = (await post(world, rich_ada, "/v1/card-topups", asked, key)).json()
    assert (again["id"], again["client_secret"]) == (first["id"], secret)
    await world.settle()


async def test_while_the_vendor_does_not_answer_the_secret_is_asked_for_later(
    calm_world: World, rich_ada: Customer
) -> None:
    world, asked = calm_world, {"account_id": rich_ada.dollars_id, "amount": "20.47"}
    await world.dial("stripe create_payment_intent", "rate_limit")
    topup = (await post(world, rich_ada, "/v1/card-topups", asked)).json()
    assert (topup["status"], topup["client_secret"]) == ("awaiting_payment", None)
    await world.until(saga=stored_id(BOOK, topup["saga_id"]), step="collect", status="waiting")
    shown = await get(world, rich_ada, f"/v1/card-topups/{topup['id']}")
    assert (await paid_with(world, shown["client_secret"])).status_code == 200
    await world.settle()
    assert await world.available(rich_ada.dollars_id) == "520.47"


async def test_what_nobody_paid_in_time_cannot_be_paid_any_more(calm_world: World, rich_ada: Customer) -> None:
    world, asked = calm_world, {"account_id": rich_ada.dollars_id, "amount": "20.47"}
    topup = (await post(world, rich_ada, "/v1/card-topups", asked)).json()
    await world.settle()
    shown = await get(world, rich_ada, f"/v1/card-topups/{topup['id']}")
    assert (shown["status"], shown["client_secret"]) == ("expired", None)
    refused = await paid_with(world, topup["client_secret"])
    assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"
    assert await world.available(rich_ada.dollars_id) == "500.00"


async def test_a_cancelling_that_was_given_up_is_tried_again_later(calm_world: World, rich_ada: Customer) -> None:
    world, asked = calm_world, {"account_id": rich_ada.dollars_id, "amount": "20.47"}
    topup = (await post(world, rich_ada, "/v1/card-topups", asked)).json()
    saga_id = stored_id(BOOK, topup["saga_id"])
    await world.dial("stripe cancel_payment_intent", "timeout_before", times=12)
    await world.settle()
    told = [event["type"] for event in await world.runtime.sagas.events(saga_id, 0, 1_000)]
    assert "begun-anew" in told
    assert order_status(await world.saga(saga_id)) == "expired"
    refused = await paid_with(world, topup["client_secret"])
    assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"


async def test_a_customer_who_pays_while_it_is_being_cancelled_has_paid(calm_world: World, rich_ada: Customer) -> None:
    world, asked = calm_world, {"account_id": rich_ada.dollars_id, "amount": "20.47"}
    topup = (await post(world, rich_ada, "/v1/card-topups", asked)).json()
    saga_id = stored_id(BOOK, topup["saga_id"])

    def cancels(request: httpx2.Request) -> bool:
        return request.url.path.endswith("/cancel")

    held = world.wire.hold(cancels)
    world.clock.advance(3_601)
    async with asyncio.TaskGroup() as group:
        group.create_task(world.runtime.engine.hasten(saga_id))
        await held.arrived.wait()
        assert (await paid_with(world, topup["client_secret"])).status_code == 200
        held.released.set()
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    assert await world.available(rich_ada.dollars_id) == "520.47"
    await world.audit()


async def test_a_frozen_account_is_not_paid_into_and_the_payment_is_called_off(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.top_up(rich_ada, "20.47")
    await world.until(saga=saga_id, step="collect", status="waiting")
    await world.set_status(rich_ada.dollars_id, AccountStatus.FROZEN)
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "cancelled"
    (payment,) = [each for each in (await world.card_book())["payment_intents"] if each["amount"] == 20_47][-1:]
    assert payment["status"] == "canceled"


@pytest.mark.parametrize(
    ("amount", "code"), [("0.49", "invalid-amount"), ("1000000.00", "invalid-amount"), ("1e5", "invalid-amount")]
)
async def test_what_no_card_can_pay_is_refused(calm_world: World, rich_ada: Customer, amount: str, code: str) -> None:
    for path, more in (("/v1/card-topups", {}), ("/v1/card-payouts", {"card_token": "tok_visa_debit"})):
        asked = {"account_id": rich_ada.dollars_id, "amount": amount, **more}
        answer = await post(calm_world, rich_ada, path, asked)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_other_currencies_and_other_peoples_accounts_are_refused(calm_world: World, rich_ada: Customer) -> None:
    for account_id, status, code in (
        (rich_ada.coins_id, 422, "currency-mismatch"),
        (new_id("acc"), 404, "account-not-found"),
    ):
        answer = await post(calm_world, rich_ada, "/v1/card-topups", {"account_id": account_id, "amount": "1.00"})
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_payout_tells_where_it_stands_and_keeps_its_token_sealed(calm_world: World, rich_ada: Customer) -> None:
    world, token = calm_world, "tok_mastercard_debit"
    asked = {"account_id": rich_ada.dollars_id, "card_token": token, "amount": "20.00"}
    answer = await post(world, rich_ada, "/v1/card-payouts", asked)
    assert answer.status_code == 202
    payout = answer.json()
    assert payout["status"] == "pending"
    assert token not in answer.text
    await world.settle()
    for name in ("sagas", "effects", "saga_events"):
        async for document in world.runtime.database[name].find({}):
            assert token not in repr(document)
    assert (await get(world, rich_ada, f"/v1/card-payouts/{payout['id']}"))["status"] == "completed"
    assert await world.available(rich_ada.dollars_id) == "480.00"


async def test_more_than_there_is_is_not_paid_out(calm_world: World, rich_ada: Customer) -> None:
    asked = {"account_id": rich_ada.dollars_id, "card_token": "tok_visa_debit", "amount": "500.01"}
    answer = await post(calm_world, rich_ada, "/v1/card-payouts", asked)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient-funds")


async def test_who_is_not_verified_neither_pays_nor_is_paid(calm_world: World) -> None:
    stranger = Customer(f"stranger-{new_id('x')[2:8]}", "", "", new_id("acc"), "")
    for path, more in (("/v1/card-topups", {}), ("/v1/card-payouts", {"card_token": "tok_visa_debit"})):
        asked = {"account_id": stranger.dollars_id, "amount": "1.00", **more}
        answer = await post(calm_world, stranger, path, asked)
        assert (answer.status_code, answer.json()["code"]) == (403, "kyc-required")


async def test_a_customer_becomes_a_payee_once(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    await world.forget_payees()
    before = len((await world.card_book())["accounts"])
    for _ in range(2):
        await world.pay_card(rich_ada, "10.00")
        await world.settle()
    assert len((await world.card_book())["accounts"]) == before + 1
