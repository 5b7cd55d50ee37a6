"""Payments that leave the house above the limit: checked first, held on a hit, and never let through unchecked."""

from typing import Any

import pytest

from app.ids import new_id, public_id
from app.ledger.acts import Answerable
from app.ledger.changes import Document
from tests.worlds import BOOK, Customer, World


@pytest.fixture(scope="module")
def timings() -> dict[str, Any]:
    """Payments above 5 dollars are checked; a bitcoin counts as 100,000."""
    prices = dict.fromkeys(("EUR", "GBP", "JPY", "ETH", "POL", "SOL", "TRX", "USDC", "USDT"), "1")
    return {"screening_above": "5.00", "reference_prices": {**prices, "BTC": "100000"}}


async def somebody(world: World) -> Customer:
    return await world.with_new_accounts(await world.customer(new_id("checked")), "500.00")


async def case_of(world: World, customer: Customer) -> Document:
    [case] = await world.runtime.database["cases"].find({"user_id": customer.user_id}).to_list()
    return case


async def held(world: World, customer: Customer) -> Document:
    """The case that holds the customer's payment, once the check has been reached."""
    while not await world.runtime.database["cases"].count_documents({"user_id": customer.user_id}):
        await world.work()
        world.clock.advance(1)
    return await case_of(world, customer)


async def decide(world: World, case: Document, decision: str) -> None:
    given = Answerable("usr_officer", "looked at", new_id("key"))
    await world.runtime.desk.deciding.decide(case["_id"], decision, given)


async def asked_of_vendor(world: World, operation: str) -> int:
    calls = (await world.desk.get("/control/sumsub/calls")).json()["items"]
    return sum(call["operation"] == operation for call in calls)


async def test_a_clear_payment_goes_on_by_itself(calm_world: World) -> None:
    customer = await somebody(calm_world)
    saga_id = await calm_world.withdraw(customer, "100.00")
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.status, saga.steps["screen"]["status"]) == ("completed", "done")
    assert await calm_world.available(customer.dollars_id) == "400.00"
    assert await calm_world.runtime.database["cases"].count_documents({"user_id": customer.user_id}) == 0


async def test_a_small_payment_is_not_asked_about(calm_world: World) -> None:
    customer, before = await somebody(calm_world), await asked_of_vendor(calm_world, "submit_transaction")
    saga_id = await calm_world.withdraw(customer, "5.00")
    await calm_world.settle()
    assert "screen" not in (await calm_world.saga(saga_id)).steps
    assert await asked_of_vendor(calm_world, "submit_transaction") == before


KINDS = ("withdrawal", "crypto_withdrawal", "card_payout")


async def gone(world: World) -> tuple[int, int, int]:
    """How much has ever left: over the bank, a chain, a card."""
    payouts = (await world.card_book())["payouts"]
    return len(await world.bank_payments()), len(await world.chain_transactions()), len(payouts)


async def orders(world: World, customer: Customer, kind: str) -> str:
    """Something whose check is a hit; its saga."""
    match kind:
        case "withdrawal":
            return await world.withdraw(customer, "66.60")
        case "card_payout":
            return await world.pay_card(customer, "66.60")
        case _:
            return await world.send_coins(customer, "0.00666")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hit_holds_the_payment_until_it_is_released(calm_world: World, kind: str) -> None:
    world, customer = calm_world, await somebody(calm_world)
    left = await gone(world)
    saga_id = await orders(world, customer, kind)
    case = await held(world, customer)
    assert (case["kind"], case["saga_id"], case["status"]) == ("screening-hit", saga_id, "open")
    world.clock.advance(86_400)
    await world.work()
    assert (await world.saga(saga_id)).status == "running"
    assert await gone(world) == left
    await decide(world, case, "release")
    await world.settle()
    assert (await world.saga(saga_id)).status == "completed"
    await world.audit()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_rejected_payment_gives_everything_back(calm_world: World, kind: str) -> None:
    world, customer = calm_world, await somebody(calm_world)
    saga_id = await orders(world, customer, kind)
    await decide(world, await held(world, customer), "reject")
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason) == ("compensated", "screening-rejected")
    assert await world.available(customer.dollars_id) == "500.00"
    assert await world.available(customer.coins_id) == "0.01000000"
    await world.audit()


async def test_a_purchase_to_an_address_is_checked_before_anything_is_pulled(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    saga_id = await world.buy(customer)
    await world.settle()
    trace = await world.trace(saga_id)
    assert trace.index("done screen") < trace.index("sending collect")
    inside = await world.saga(await world.buy(customer, paying="account", to="account"))
    assert "screen" not in inside.steps


@pytest.mark.parametrize("fault", ["error", "timeout_before", "timeout_after"])
async def test_a_vendor_that_is_away_is_waited_for(calm_world: World, fault: str) -> None:
    world, customer = calm_world, await somebody(calm_world)
    await world.dial("sumsub submit_transaction", fault, times=2)
    payments = len(await world.bank_payments())
    saga_id = await world.withdraw(customer, "100.00")
    await world.work()
    assert len(await world.bank_payments()) == payments
    assert (await world.saga(saga_id)).status == "running"
    await world.settle()
    assert (await world.saga(saga_id)).status == "completed"


async def test_a_check_without_an_answer_is_waited_for(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    saga_id = await world.withdraw(customer, "66.70")
    await world.work()
    assert (await world.saga(saga_id)).status == "running"
    told = {"txn_id": public_id(saga_id), "reviewAnswer": "GREEN"}
    (await world.desk.post("/control/sumsub/transaction-review", json=told)).raise_for_status()
    await world.settle()
    assert (await world.saga(saga_id)).status == "completed"


async def test_a_payment_on_hold_at_the_vendor_is_a_hit(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    await world.withdraw(customer, "66.80")
    await world.work()
    case = await case_of(world, customer)
    assert (case["kind"], case["_id"].partition("/")[0]) == ("screening-hit", BOOK)
