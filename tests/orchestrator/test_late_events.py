"""What happens after the end is booked as what it is, put before a person, and never counted twice."""

import pytest

from app.ledger.accounts import AccountStatus
from app.ledger.store import ACCOUNT_ACTS
from tests.orchestrator.late import (
    case_of,
    give_back,
    owed,
    recoveries_of,
    recovery_of,
    returned_deposit,
    watches_of,
)
from tests.orchestrator.pulls import pulling
from tests.orchestrator.scenarios import Outside
from tests.worlds import BOOK, Customer, World

RETURN_WINDOW_S = 2 * 86_400.0


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"refund_hold_s": RETURN_WINDOW_S}


@pytest.fixture
async def bea(calm_world: World) -> Customer:
    """A customer whom no other test makes owe anything, with 500 dollars."""
    names = [each["subject"] async for each in calm_world.runtime.database["users"].find({}, {"subject": 1})]
    return await calm_world.with_new_accounts(await calm_world.customer(f"bea-{len(names)}"), "500.00")


@pytest.fixture
async def poor_bea(calm_world: World) -> Customer:
    """The same, without any money."""
    names = [each["subject"] async for each in calm_world.runtime.database["users"].find({}, {"subject": 1})]
    return await calm_world.customer(f"poor-bea-{len(names)}")


async def status_of(world: World, account_id: str) -> AccountStatus:
    account = await world.runtime.ledger.account(f"{BOOK}/{account_id}")
    assert account is not None
    return account.status


async def test_a_return_takes_from_the_customer_what_they_have_and_stops_the_account(
    calm_world: World, bea: Customer
) -> None:
    world = calm_world
    saga_id = await returned_deposit(world, bea, "100.00", key="returned")
    recovery = await world.saga(await recovery_of(world, saga_id))
    assert recovery.status == "completed"
    assert await world.available(bea.dollars_id) == "500.00"
    assert await owed(world, recovery.user_id) == {}
    assert await status_of(world, bea.dollars_id) is AccountStatus.FROZEN
    act = await world.runtime.database[ACCOUNT_ACTS].find_one({"cause": recovery.id})
    assert act is not None
    assert (act["act"], act["by"]) == ("freeze", "recovery")
    case = await case_of(world, recovery.id)
    assert case is not None
    assert (case["happened"], case["concerns"], case["status"]) == ("returned", saga_id, "open")
    assert (str(case["amount"]), case["currency"]) == ("10000", "USD"), "above a limit two officers decide"
    await world.audit()


async def test_a_return_after_the_coins_have_left_is_owed(calm_world: World, poor_bea: Customer) -> None:
    world = calm_world
    passing = await world.passing_account(poor_bea)
    saga_id = await world.buy(poor_bea)
    await world.settle()
    (watch,) = await watches_of(world, saga_id, "ach-pull")
    await give_back(world, watch.object_id)
    await world.settle()
    recovery = await world.saga(await recovery_of(world, saga_id))
    assert recovery.status == "completed"
    assert await owed(world, recovery.user_id) == {"USD": "10000"}
    assert (await world.saga(saga_id)).status == "completed"
    assert await status_of(world, passing) is AccountStatus.FROZEN
    await world.audit()


async def test_a_returned_withdrawal_is_the_customers_again(calm_world: World, bea: Customer) -> None:
    world = calm_world
    saga_id = await world.withdraw(bea, "100.00")
    await world.settle()
    assert await world.available(bea.dollars_id) == "400.00"
    (watch,) = await watches_of(world, saga_id)
    await give_back(world, watch.object_id, "NoAccount")
    await world.settle()
    recovery_id = await recovery_of(world, saga_id)
    assert await world.available(bea.dollars_id) == "500.00"
    assert await status_of(world, bea.dollars_id) is AccountStatus.OPEN
    assert await case_of(world, recovery_id) is not None
    await world.audit()


async def test_a_refund_that_comes_back_after_it_was_seen_as_sent_is_the_customers_again(
    calm_world: World, poor_bea: Customer
) -> None:
    world = calm_world
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(poor_bea)
    await world.settle()
    passing = await world.passing_account(poor_bea)
    assert await world.available(passing) == "0.00"
    (watch,) = await watches_of(world, saga_id, "ach-push")
    await give_back(world, watch.object_id, "NoAccount")
    await world.settle()
    assert (await world.saga(await recovery_of(world, saga_id))).status == "completed"
    assert await world.available(passing) == "100.00"
    await world.audit()


async def test_the_same_return_told_twice_and_seen_by_a_look_of_our_own_is_booked_once(
    calm_world: World, bea: Customer
) -> None:
    world = calm_world
    await world.webhooks_travel("duplicate")
    saga_id = await returned_deposit(world, bea, "100.00", key="twice")
    world.clock.advance(70 * 86_400)
    await world.settle()
    await world.runtime.lookout.sweep()
    await world.settle()
    assert len(await recoveries_of(world, saga_id)) == 1
    assert await world.available(bea.dollars_id) == "500.00"
    await world.audit()


async def test_a_return_whose_webhook_is_lost_is_found_by_looking(calm_world: World, bea: Customer) -> None:
    world = calm_world
    saga_id = await world.deposit(bea, "100.00")
    await world.settle()
    (watch,) = await watches_of(world, saga_id)
    await world.webhooks_travel("drop")
    await give_back(world, watch.object_id)
    await world.settle()
    assert await recoveries_of(world, saga_id) == []
    world.clock.advance(86_400 * 1.1)
    await world.runtime.lookout.sweep()
    await world.settle()
    assert (await world.saga(await recovery_of(world, saga_id))).status == "completed"
    assert await world.available(bea.dollars_id) == "500.00"


async def test_a_return_before_the_coins_are_sent_is_owed_or_stops_them_but_never_refunds(
    calm_world: World, bea: Customer
) -> None:
    world = calm_world
    before = await Outside.of(world)
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(bea)
    await world.until(saga=saga_id, step="convert", status="undone")
    (watch,) = await watches_of(world, saga_id, "ach-pull")
    await give_back(world, watch.object_id)
    await world.settle()
    saga, recovery = await world.saga(saga_id), await world.saga(await recovery_of(world, saga_id))
    assert (saga.status, recovery.status) == ("compensated", "completed")
    assert (await world.postings(saga_id))[-1] == "collect.pull-returned"
    assert await world.postings(recovery.id) == []
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)
    assert await owed(world, recovery.user_id) == {}
    await world.audit()


async def test_a_parked_purchase_whose_pull_comes_back_is_booked_and_can_still_be_unwound(
    calm_world: World, poor_bea: Customer
) -> None:
    world = calm_world
    passing = await world.passing_account(poor_bea)
    saga_id = await pulling(world, poor_bea, "purchase", at="Clearing")
    await world.set_status(passing, AccountStatus.FROZEN)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.parked_from) == ("parked", "do:convert")
    (watch,) = await watches_of(world, saga_id, "ach-pull")
    await give_back(world, watch.object_id)
    await world.settle()
    recovery = await world.saga(await recovery_of(world, saga_id))
    assert recovery.status == "completed"
    assert await owed(world, recovery.user_id) == {"USD": "10000"}
    unwinding = {"state": "undo:collect", "status": "compensating", "wake_at": world.clock.now(), "parked_from": None}
    await world.runtime.database["sagas"].update_one({"_id": saga_id}, {"$set": unwinding, "$inc": {"version": 1}})
    await world.settle()
    assert (await world.saga(saga_id)).status == "compensated"
    assert await world.available(passing) == "100.00"
    await world.audit()
