"""What was written off, and takes place after all, is taken from where it was written off to, and from nobody twice."""

from typing import Any

import pytest

from app.errors import ApprovalRefused, Missing
from app.ids import new_id
from app.ledger.acts import Answerable
from app.money import BTC, USD, Asset
from app.orchestrator.flows import chart
from app.orchestrator.treasury import INPUTS
from tests.orchestrator.commanded import give
from tests.orchestrator.late import recoveries_of, watches_of
from tests.orchestrator.pulls import pulling
from tests.worlds import BOOK, Customer, World


@pytest.fixture
async def wilma(calm_world: World) -> Customer:
    """A customer whom no other test makes owe anything, with 500 dollars and a hundredth of a bitcoin."""
    return await calm_world.with_new_accounts(await calm_world.customer(new_id("wilma")), "500.00")


async def written_off(world: World, asset: Asset) -> int:
    return int(await world.runtime.ledger.balance(chart.write_off(BOOK, asset).id))


async def parked(world: World, saga_id: str, state: str) -> None:
    saga = await world.saga(saga_id)
    assert (saga.status, saga.parked_from) == ("parked", state), saga.reason


async def a_day_later(world: World) -> None:
    world.clock.advance(86_400 * 1.1)
    await world.settle()


async def test_a_push_that_leaves_after_all_is_not_taken_from_the_customer_again(
    calm_world: World, wilma: Customer
) -> None:
    world = calm_world
    before = await written_off(world, USD)
    await world.webhooks_travel("drop")
    await world.dial("unit create_payment", "timeout_after")
    await world.dial("unit list_payments", "decline", times=1_000)
    saga_id = await world.withdraw(wilma)
    await world.settle()
    await parked(world, saga_id, "do:push")
    await give(world, "write_off", saga_id)
    assert await written_off(world, USD) == before + 100_00
    await world.calm_down()
    payment = (await world.bank_payments())[-1]
    assert await world.runtime.lookout.is_late([f"unit:payment:{payment['id']}"])
    await world.settle()
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    assert await world.available(wilma.dollars_id) == "400.00"
    assert await written_off(world, USD) == before
    await world.audit()


async def test_a_pull_that_settles_after_all_is_the_customers(calm_world: World, wilma: Customer) -> None:
    world = calm_world
    before = await written_off(world, USD)
    await world.dial("unit get_payment", "decline", times=1_000)
    saga_id = await world.deposit(wilma)
    await world.settle()
    await parked(world, saga_id, "await:collect")
    await world.calm_down()
    await give(world, "write_off", saga_id)
    await a_day_later(world)
    assert await world.available(wilma.dollars_id) == "600.00"
    assert await written_off(world, USD) == before
    await world.audit()


async def test_a_pull_that_was_marked_absent_and_is_told_of_is_looked_at_at_once(
    calm_world: World, wilma: Customer
) -> None:
    world = calm_world
    saga_id = await pulling(world, wilma, "deposit", at="Pending")
    await park(world, saga_id)
    await give(world, "mark_absent", saga_id, "the bank's clerk has no such payment")
    assert await world.available(wilma.dollars_id) == "600.00"
    await world.audit()


@pytest.mark.parametrize("command", ["write_off", "mark_absent"])
async def test_a_card_payment_that_was_ended_and_is_paid_is_the_customers(
    calm_world: World, wilma: Customer, command: str
) -> None:
    world = calm_world
    saga_id = await world.top_up(wilma)
    await world.work()
    await park(world, saga_id)
    await give(world, command, saga_id, "the customer says that they did not pay")
    (recovery,) = await recoveries_of(world, saga_id)
    assert (recovery.status, recovery.params["happened"]) == ("completed", "paid")
    assert await world.available(wilma.dollars_id) == "600.00"
    assert len(await watches_of(world, recovery.id)) == 2
    await world.audit()


async def park(world: World, saga_id: str) -> None:
    """As a defect does, where it stands."""
    saga = await world.saga(saga_id)
    stopped: dict[str, Any] = {"state": "parked", "parked_from": saga.state, "status": "parked", "wake_at": None}
    await world.runtime.database["sagas"].update_one(
        {"_id": saga_id}, {"$set": {**stopped, "waits": []}, "$inc": {"version": 1}}
    )


async def queued(world: World, customer: Customer) -> tuple[str, str]:
    """A send that waits for its signature, parked by a defect; its saga's stored id, and the queued operation."""
    saga_id = await world.send_coins(customer)
    await world.work()
    await park(world, saga_id)
    await parked(world, saga_id, "await:deliver")
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    return saga_id, effect.ref


async def test_a_pull_that_was_marked_absent_and_settles_is_the_customers(calm_world: World, wilma: Customer) -> None:
    world = calm_world
    await world.dial("unit get_payment", "decline", times=1_000)
    saga_id = await world.deposit(wilma)
    await world.settle()
    await parked(world, saga_id, "await:collect")
    await world.calm_down()
    await give(world, "mark_absent", saga_id, "the bank's clerk has no such payment")
    await a_day_later(world)
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    assert await world.available(wilma.dollars_id) == "600.00"
    await world.audit()


async def test_news_of_what_was_marked_absent_is_looked_into_at_once(calm_world: World, wilma: Customer) -> None:
    world = calm_world
    await world.dial("unit get_payment", "decline", times=1_000)
    saga_id = await world.deposit(wilma)
    await world.settle()
    await world.calm_down()
    await give(world, "mark_absent", saga_id, "the bank's clerk has no such payment")
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    told = {"type": "payment.sent", "refs": f"unit:payment:{effect.provider_ref}"}
    event = await world.runtime.database["inbox"].find_one(told)
    assert event is not None
    await world.runtime.replays.replay(BOOK, event["_id"], Answerable("usr_operator", "look again", "key"))
    await world.settle()
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    assert await world.available(wilma.dollars_id) == "600.00"


@pytest.mark.parametrize(("command", "given_up"), [("write_off", 100_000), ("mark_absent", 0)])
async def test_coins_that_were_queued_are_not_signed_any_more(
    calm_world: World, wilma: Customer, command: str, given_up: int
) -> None:
    world = calm_world
    before, sent = await written_off(world, BTC), len(await world.chain_transactions())
    saga_id, operation = await queued(world, wilma)
    taken = {"taken_by": saga_id}
    assert await world.runtime.database[INPUTS].count_documents(taken) == 1
    await give(world, command, saga_id, "the daemon's operator has removed it")
    with pytest.raises((ApprovalRefused, Missing)):
        await world.runtime.approvals.approve(operation)
    assert len(await world.chain_transactions()) == sent
    assert await world.runtime.database[INPUTS].count_documents(taken) == 0
    assert await written_off(world, BTC) == before + given_up
    await world.audit()


async def test_coins_that_were_signed_before_are_taken_from_what_was_written_off(
    calm_world: World, wilma: Customer
) -> None:
    world = calm_world
    before = await written_off(world, BTC)
    saga_id, operation = await queued(world, wilma)
    left = await world.available(wilma.coins_id)
    await world.runtime.approvals.approve(operation)
    await give(world, "write_off", saga_id)
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    assert await world.available(wilma.coins_id) == left
    assert await written_off(world, BTC) == before
    await world.audit()
