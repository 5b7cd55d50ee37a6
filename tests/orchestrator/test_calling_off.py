"""A pull that is not wanted any more is stopped where it can be, and given back, or kept, where it cannot."""

from datetime import timedelta

import pytest

from app.identity.users import ComplianceLevel
from app.ids import new_id
from app.ledger.accounts import AccountStatus
from app.ledger.acts import Answerable
from app.orchestrator.commands import Command
from app.orchestrator.effects import EffectStatus
from app.orchestrator.operators import Order
from app.orchestrator.progress import order_status
from tests.orchestrator.commanded import give
from tests.orchestrator.late import give_back
from tests.orchestrator.pulls import payment_of, pulling
from tests.orchestrator.scenarios import Outside
from tests.orchestrator.verdicts import decide
from tests.worlds import Customer, World

REST_S = 2 * 86_400.0


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"refund_hold_s": REST_S}


@pytest.fixture
async def cleo(calm_world: World) -> Customer:
    """A customer whom no other test stops, with 500 dollars."""
    return await calm_world.with_new_accounts(await calm_world.customer(new_id("cleo")), "500.00")


async def require_as_before(world: World, saga_id: str, customer: Customer, reason: str) -> None:
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("cancelled", reason)
    assert await world.available(customer.dollars_id) == "500.00"
    audit = await world.audit()
    assert not any(audit.transit.get(saga_id, {}).values())


@pytest.mark.parametrize("flow", ["purchase", "deposit"])
async def test_a_pending_pull_is_canceled_at_the_bank_with_a_record_before_and_after(
    calm_world: World, cleo: Customer, flow: str
) -> None:
    world = calm_world
    inventory = await world.inventory()
    saga_id = await pulling(world, cleo, flow)
    await give(world, "cancel", saga_id)
    await require_as_before(world, saga_id, cleo, "cancelled")
    assert await world.inventory() == inventory
    effects = {each.operation: each.status for each in await world.runtime.sagas.effects_of(saga_id)}
    assert effects == {"create_payment": EffectStatus.CANCELLED, "cancel_payment": EffectStatus.CONFIRMED}
    assert (await payment_of(world, saga_id))["status"] == "Canceled"
    told = await world.trace(saga_id)
    began = told.index("called-off collect")
    assert told[began : began + 4] == ["called-off collect", "sending collect", "accepted collect", "failed collect"]


@pytest.mark.parametrize(("flow", "ends"), [("purchase", "refunded"), ("deposit", "completed")])
async def test_a_pull_in_clearing_is_waited_for(calm_world: World, cleo: Customer, flow: str, ends: str) -> None:
    world = calm_world
    before = await Outside.of(world)
    saga_id = await pulling(world, cleo, flow, at="Clearing")
    await give(world, "cancel", saga_id)
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == (ends, "cancelled" if ends == "refunded" else None)
    refunded = flow == "purchase"
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=int(refunded), sends=0)
    assert await world.available(cleo.dollars_id) == ("500.00" if refunded else "600.00")
    assert {each.operation for each in await world.runtime.sagas.effects_of(saga_id)} == {"create_payment"}
    await world.audit()


async def test_what_settled_all_the_same_goes_back_once_past_the_hold(calm_world: World, cleo: Customer) -> None:
    world = calm_world
    saga_id = await pulling(world, cleo, "purchase", at="Sent")
    await give(world, "cancel", saga_id)
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("refunded", "cancelled")
    events = await world.runtime.sagas.events(saga_id, 0, 100)
    sent = [each["at"] for each in events if each["type"] == "sending"][-1]
    assert sent - saga.results["collect"]["settled_at"] >= timedelta(seconds=REST_S)
    await world.audit()


async def test_a_pull_that_came_back_is_not_given_back(calm_world: World, cleo: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    saga_id = await pulling(world, cleo, "purchase", at="Clearing")
    await give_back(world, (await payment_of(world, saga_id))["id"])
    await give(world, "cancel", saga_id)
    await require_as_before(world, saga_id, cleo, "cancelled")
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)


async def test_a_bank_that_was_faster_declines_and_the_pull_is_waited_for(calm_world: World, cleo: Customer) -> None:
    world = calm_world
    await world.dial("unit cancel_payment", "decline")
    saga_id = await pulling(world, cleo, "purchase")
    await give(world, "cancel", saga_id)
    assert order_status(await world.saga(saga_id)) == "refunded"
    assert "not-called-off collect" in await world.trace(saga_id)
    await world.audit()


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "rate_limit"])
async def test_a_cancellation_without_an_answer_is_looked_up(calm_world: World, cleo: Customer, fault: str) -> None:
    world = calm_world
    await world.dial("unit cancel_payment", fault)
    saga_id = await pulling(world, cleo, "deposit")
    await give(world, "cancel", saga_id)
    saga = await world.saga(saga_id)
    assert order_status(saga) in {"cancelled", "completed"}
    payment = await payment_of(world, saga_id)
    assert (order_status(saga), payment["status"]) in {("cancelled", "Canceled"), ("completed", "Sent")}
    assert await world.available(cleo.dollars_id) == ("600.00" if payment["status"] == "Sent" else "500.00")
    await world.audit()


@pytest.mark.parametrize("stopped", [AccountStatus.FROZEN, AccountStatus.CLOSED])
@pytest.mark.parametrize("flow", ["purchase", "deposit"])
async def test_a_pending_pull_toward_an_account_that_was_stopped_is_called_off(
    calm_world: World, cleo: Customer, flow: str, stopped: AccountStatus
) -> None:
    world = calm_world
    passing = await world.passing_account(cleo) if flow == "purchase" else cleo.dollars_id
    saga_id = await pulling(world, cleo, flow)
    await world.set_status(passing, stopped)
    await world.settle()
    assert (await payment_of(world, saga_id))["status"] == "Canceled"
    await require_as_before(world, saga_id, cleo, f"account-{stopped.value}")


@pytest.mark.parametrize("decided", ["pending", "rejected"])
async def test_a_pending_pull_of_a_customer_who_lost_the_verdict_is_called_off(
    calm_world: World, cleo: Customer, decided: ComplianceLevel
) -> None:
    world = calm_world
    saga_id = await pulling(world, cleo, "deposit")
    await decide(world, cleo, decided)
    await world.settle()
    assert (await payment_of(world, saga_id))["status"] == "Canceled"
    await require_as_before(world, saga_id, cleo, f"kyc-{decided}")


async def test_a_parked_saga_that_awaits_its_pull_is_compensated_by_calling_it_off(
    calm_world: World, cleo: Customer
) -> None:
    world = calm_world
    saga_id = await pulling(world, cleo, "purchase")
    stopped: dict[str, object] = {
        "state": "parked",
        "status": "parked",
        "parked_from": "await:collect",
        "wake_at": None,
        "waits": [],
    }
    await world.runtime.database["sagas"].update_one({"_id": saga_id}, {"$set": stopped, "$inc": {"version": 1}})
    await give(world, "compensate", saga_id)
    await require_as_before(world, saga_id, cleo, "compensate")


async def test_what_is_being_called_off_is_not_called_off_again(calm_world: World, cleo: Customer) -> None:
    world = calm_world
    saga_id = await pulling(world, cleo, "purchase", at="Clearing")
    answerable = Answerable("usr_operator", "the customer has called", new_id("key"))
    await world.runtime.operators.give(Order(saga_id, Command.CANCEL), answerable)
    assert (await world.saga(saga_id)).state == "call-off:collect"
    met = await world.runtime.operators._situations.of(saga_id)
    assert not met.may_unwind
    assert not met.may_be_called_off
    await world.settle()
