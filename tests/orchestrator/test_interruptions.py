"""Accounts frozen in the middle, and money that comes back at the wrong moment."""

from datetime import timedelta

import pytest

from app.ledger.accounts import AccountStatus
from app.orchestrator.progress import order_status
from tests.orchestrator.pulls import pulling
from tests.orchestrator.scenarios import Outside
from tests.worlds import Customer, World

RETURN_WINDOW_S = 2 * 86_400.0


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"refund_hold_s": RETURN_WINDOW_S}


async def frozen(world: World, account_id: str) -> None:
    await world.set_status(account_id, AccountStatus.FROZEN)


@pytest.mark.parametrize("status", [AccountStatus.FROZEN, AccountStatus.CLOSED])
@pytest.mark.parametrize("flow", ["purchase", "deposit"])
async def test_nothing_is_pulled_for_an_account_that_was_stopped_meanwhile(
    calm_world: World, rich_ada: Customer, flow: str, status: AccountStatus
) -> None:
    world = calm_world
    before = await Outside.of(world)
    passing = await world.passing_account(rich_ada) if flow == "purchase" else rich_ada.dollars_id
    saga_id = await (world.buy(rich_ada) if flow == "purchase" else world.deposit(rich_ada))
    await world.set_status(passing, status)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", f"account-{status}", "do:collect")
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=0)
    await world.audit()
    await world.set_status(passing, AccountStatus.OPEN)


async def test_a_freeze_before_the_conversion_parks_the_money_where_it_is(calm_world: World, ada: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    passing = await world.passing_account(ada)
    saga_id = await pulling(world, ada, "purchase", at="Clearing")
    await frozen(world, passing)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "account-frozen", "do:convert")
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)
    assert (await world.trace(saga_id))[-1] == "parked convert"
    await world.audit()
    await world.set_status(passing, AccountStatus.OPEN)


async def test_a_freeze_of_the_receiving_account_parks_the_coins_before_it(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.buy(rich_ada, paying="account", to="account")
    await frozen(world, rich_ada.coins_id)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "account-frozen", "do:credit")
    assert await world.available(rich_ada.coins_id) == "0.01000000"
    await world.audit()


async def test_a_freeze_in_the_middle_of_unwinding_parks_before_the_refund(calm_world: World, ada: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    passing = await world.passing_account(ada)
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(ada)
    await world.until(saga=saga_id, step="convert", status="undone")
    await frozen(world, passing)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "account-frozen", "undo:collect")
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)
    await world.audit()
    await world.set_status(passing, AccountStatus.OPEN)


async def test_a_refund_rests_until_the_return_window_is_over(calm_world: World, ada: Customer) -> None:
    world = calm_world
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(ada)
    await world.until(saga=saga_id, step="convert", status="undone")
    settled_at = (await world.saga(saga_id)).results["collect"]["settled_at"]
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "refunded"
    refund = (await world.runtime.sagas.events(saga_id, 0, 100))[-5]
    assert (refund["type"], refund["step"]) == ("sending", "collect")
    assert refund["at"] - settled_at >= timedelta(seconds=RETURN_WINDOW_S)
    await world.audit()


async def test_a_pull_returned_while_its_refund_rests_is_not_refunded_too(calm_world: World, ada: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(ada, "100.17")
    await world.settle()
    assert (await world.saga(saga_id)).status == "compensated"
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)
    assert (await world.postings(saga_id))[-1] == "collect.pull-returned"
    await world.audit()


async def test_a_return_ends_the_rest_of_a_refund_at_once(calm_world: World, ada: Customer) -> None:
    world = calm_world
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(ada, "100.17")
    began = world.clock.now()
    await world.settle()
    assert world.clock.now() - began < timedelta(hours=1)
    assert (await world.saga(saga_id)).status == "compensated"
    told = await world.runtime.database["inbox"].find_one({"type": "payment.returned", "received_at": {"$gt": began}})
    assert told is not None
    assert told["status"] == "done"


async def test_a_refund_that_comes_back_before_it_was_seen_as_sent_waits_for_a_person(
    calm_world: World, ada: Customer
) -> None:
    world = calm_world
    passing = await world.passing_account(ada)
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(ada, "100.31")
    await world.until(saga=saga_id, step="convert", status="undone")
    available = await world.available(passing)
    await world.until(saga=saga_id, step="collect", status="waiting")
    world.clock.advance(RETURN_WINDOW_S)
    await world.work()
    assert (await world.saga(saga_id)).state == "await-undo:collect"
    await world.third_parties_act(until=world.clock.now() + timedelta(seconds=30))
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason) == ("parked", "NoAccount")
    assert (await world.postings(saga_id))[-2:] == ["collect.refund-returned", "hold"]
    assert await world.available(passing) == available
    await world.audit()
