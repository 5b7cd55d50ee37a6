"""What is taken back of card payments, and payouts that come back: booked once, as what it is, with a case."""

import pytest

from app.ids import stored_id
from app.ledger.accounts import AccountStatus
from tests.orchestrator.late import case_of, owed, recoveries_of, recovery_of, watches_of
from tests.worlds import BOOK, Customer, World


async def status_of(world: World, account_id: str) -> AccountStatus:
    account = await world.runtime.ledger.account(stored_id(BOOK, account_id))
    assert account is not None
    return account.status


async def balance(world: World, role: str) -> int:
    """What the product's own accounts of that role have together, in cents."""
    found = world.runtime.database["accounts"].find({"role": role, "currency": "USD"})
    return sum([int(each["balance"].to_decimal()) async for each in found])


async def topped_up(world: World, customer: Customer, amount: str = "100.00") -> tuple[str, str]:
    """A top-up that was paid: its saga's stored id, and the payment's."""
    saga_id = await world.top_up(customer, amount)
    await world.until(saga=saga_id, step="collect", status="done")
    await world.settle()
    return saga_id, (await world.saga(saga_id)).results["collect"]["payment_id"]


async def dispute(world: World, payment_id: str, close: str | None = None) -> None:
    body = {"payment_intent_id": payment_id, **({"close": close} if close else {})}
    (await world.desk.post("/control/stripe/dispute", json=body)).raise_for_status()
    await world.settle()


async def refund(world: World, payment_id: str, cents: int) -> None:
    """What somebody does in the vendor's dashboard."""
    answer = await world.desk.post(
        "/stripe/v1/refunds",
        data={"payment_intent": payment_id, "amount": str(cents)},
        headers={"Authorization": "Bearer sk_test_any"},
    )
    answer.raise_for_status()
    await world.settle()


@pytest.fixture
async def bea(calm_world: World) -> Customer:
    """A customer whom no other test makes owe anything, with 500 dollars."""
    names = [each["subject"] async for each in calm_world.runtime.database["users"].find({}, {"subject": 1})]
    return await calm_world.with_new_accounts(await calm_world.customer(f"bea-{len(names)}"), "500.00")


async def test_a_dispute_takes_the_payment_back_and_stops_the_account(calm_world: World, bea: Customer) -> None:
    world = calm_world
    cards, fees = await balance(world, "cards"), await balance(world, "cardfee_out")
    saga_id, payment_id = await topped_up(world, bea)
    assert await world.available(bea.dollars_id) == "600.00"
    await dispute(world, payment_id)
    recovery_id = await recovery_of(world, saga_id)
    assert (await world.saga(recovery_id)).status == "completed"
    assert await world.available(bea.dollars_id) == "500.00"
    assert await status_of(world, bea.dollars_id) is AccountStatus.FROZEN
    case = await case_of(world, recovery_id)
    assert case is not None
    assert (case["kind"], case["happened"]) == ("card-dispute", "disputed")
    assert await balance(world, "cards") - cards == 3_20 + 15_00
    assert await balance(world, "cardfee_out") - fees == -(3_20 + 15_00)
    await world.audit()


async def test_a_dispute_that_is_won_gives_back_and_does_not_stop_again(calm_world: World, bea: Customer) -> None:
    world = calm_world
    saga_id, payment_id = await topped_up(world, bea)
    await dispute(world, payment_id)
    await world.set_status(bea.dollars_id, AccountStatus.OPEN)
    await dispute(world, payment_id, close="won")
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    first = await recovery_of(world, saga_id)
    (second,) = await recoveries_of(world, first)
    assert (second.status, second.params["happened"]) == ("completed", "dispute-won")
    assert await world.available(bea.dollars_id) == "600.00"
    assert await status_of(world, bea.dollars_id) is AccountStatus.OPEN
    await world.audit()


async def test_a_dispute_of_what_is_spent_is_owed(calm_world: World, bea: Customer) -> None:
    world = calm_world
    saga_id, payment_id = await topped_up(world, bea)
    await world.pay_card(bea, "550.00")
    await world.settle()
    await dispute(world, payment_id)
    recovery = await world.saga(await recovery_of(world, saga_id))
    assert await owed(world, recovery.user_id) == {"USD": "5000"}
    await world.audit()


async def test_refunds_are_booked_one_after_the_other_and_each_once(calm_world: World, bea: Customer) -> None:
    world = calm_world
    await world.webhooks_travel("duplicate")
    saga_id, payment_id = await topped_up(world, bea)
    await refund(world, payment_id, 30_00)
    assert await world.available(bea.dollars_id) == "570.00"
    await refund(world, payment_id, 20_00)
    assert await world.available(bea.dollars_id) == "550.00"
    await refund(world, payment_id, 50_00)
    assert await world.available(bea.dollars_id) == "500.00"
    assert await status_of(world, bea.dollars_id) is AccountStatus.OPEN
    assert len(await recoveries_of(world, saga_id)) == 1
    await world.audit()


@pytest.mark.parametrize("amount", ["100.59", "100.61"], ids=["disputed", "refunded"])
async def test_what_is_taken_back_unheard_is_found_by_looking(calm_world: World, bea: Customer, amount: str) -> None:
    world = calm_world
    await world.webhooks_travel("drop")
    saga_id, _ = await topped_up(world, bea, amount)
    assert await recoveries_of(world, saga_id) == []
    world.clock.advance(9 * 86_400)
    await world.runtime.lookout.sweep()
    await world.settle()
    assert (await world.saga(await recovery_of(world, saga_id))).status == "completed"
    assert await world.available(bea.dollars_id) == "500.00"
    await world.audit()


async def test_a_payout_that_was_paid_and_fails_is_the_customers_again(calm_world: World, bea: Customer) -> None:
    world = calm_world
    saga_id = await world.pay_card(bea, "100.00")
    await world.settle()
    assert await world.available(bea.dollars_id) == "400.00"
    (watch,) = await watches_of(world, saga_id, "card-payout")
    body = {"payout_id": watch.object_id, "failure_code": "account_closed"}
    (await world.desk.post("/control/stripe/fail-payout", json=body)).raise_for_status()
    await world.settle()
    recovery_id = await recovery_of(world, saga_id)
    assert await world.available(bea.dollars_id) == "500.00"
    case = await case_of(world, recovery_id)
    assert case is not None
    assert case["happened"] == "failed"
    assert (await world.saga(saga_id)).status == "completed"
    await world.audit()


async def test_a_payout_that_fails_by_itself_after_it_was_paid_comes_back(calm_world: World, bea: Customer) -> None:
    world = calm_world
    saga_id = await world.pay_card(bea, "100.31")
    await world.settle()
    assert (await world.saga(saga_id)).status == "completed"
    assert (await world.saga(await recovery_of(world, saga_id))).status == "completed"
    assert await world.available(bea.dollars_id) == "500.00"
    await world.audit()
