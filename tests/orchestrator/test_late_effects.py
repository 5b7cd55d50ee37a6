"""An effect that takes place after it was concluded that it never would is booked as what it is."""

import asyncio
from dataclasses import replace

import pytest

from app.ids import new_id
from app.inbox.messages import ATTEMPTS_MAX
from app.money import USD, Money
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.late_answers import LATE_ANSWER
from app.orchestrator.progress import order_status
from app.providers.ports import AchOrder, Direction
from tests.orchestrator.late import case_of, owed, recoveries_of, watches_of
from tests.orchestrator.scenarios import Outside
from tests.worlds import Customer, World


async def given_up(world: World, customer: Customer, amount: str = "100.00") -> tuple[str, Effect]:
    """A deposit whose pull the bank never heard of, and which was given up."""
    await world.dial("unit create_payment", "timeout_before", times=1_000)
    saga_id = await world.deposit(customer, amount)
    await world.settle()
    await world.calm_down()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert (effect.status, order_status(await world.saga(saga_id))) == (EffectStatus.CANCELLED, "cancelled")
    return saga_id, effect


async def make_it_late(world: World, effect: Effect, direction: Direction = "Debit", cents: int = 100_00) -> str:
    """What a worker that was frozen before its socket write sends when it wakes up; the payment's id."""
    token = await world.runtime.bank_links.processor_token(effect.request["bank_link_id"])
    order = AchOrder(direction, Money(cents, USD), token, "Wallet customer", effect.id, "TOPUP")
    return (await world.runtime.providers.ach.create_payment(order, key=new_id("key"))).id


async def test_a_pull_that_lands_after_it_was_given_up_is_the_customers_and_watched(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id, effect = await given_up(world, rich_ada)
    payment_id = await make_it_late(world, effect)
    await world.settle()
    (recovery,) = await recoveries_of(world, saga_id)
    assert recovery.status == "completed"
    assert recovery.params["kind"] == "ach-pull-landed"
    assert await world.available(rich_ada.dollars_id) == "600.00"
    (watch,) = await watches_of(world, recovery.id)
    assert (watch.kind, watch.object_id) == ("ach-pull", payment_id)
    assert await case_of(world, recovery.id) is not None
    await world.audit()


async def test_a_late_pull_that_comes_back_again_leaves_everything_as_it_was(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id, effect = await given_up(world, rich_ada, "100.17")
    await make_it_late(world, effect, cents=100_17)
    await world.settle()
    (recovery,) = await recoveries_of(world, saga_id)
    assert [each.params["happened"] for each in await recoveries_of(world, recovery.id)] == ["returned"]
    assert await world.available(rich_ada.dollars_id) == "500.00"
    await world.audit()


async def test_a_withdrawal_that_leaves_after_it_was_given_up_is_taken_from_the_customer(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    await world.dial("unit create_payment", "timeout_before", times=1_000)
    saga_id = await world.withdraw(rich_ada, "100.00")
    await world.settle()
    await world.calm_down()
    assert await world.available(rich_ada.dollars_id) == "500.00"
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    await make_it_late(world, effect, "Credit")
    await world.settle()
    (recovery,) = await recoveries_of(world, saga_id)
    assert (recovery.status, recovery.params["kind"]) == ("completed", "ach-push-landed")
    assert await world.available(rich_ada.dollars_id) == "400.00"
    assert await owed(world, recovery.user_id) == {}
    await world.audit()


async def test_a_refund_that_leaves_after_it_was_given_up_is_not_made_anew(calm_world: World) -> None:
    world = calm_world
    customer = await world.customer(new_id("late"))
    passing, before = await world.passing_account(customer), await Outside.of(world)
    await world.dial("tatum send", "decline")
    await world.dial("unit create_payment", "slow")
    await world.dial("unit create_payment", "timeout_before", times=1_000)
    saga_id = await world.buy(customer)
    while not (given_up := await cancelled(world, saga_id)):
        assert await world.pass_on()
    await world.calm_down()
    await make_it_late(world, given_up[0], "Credit")
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "refunded"
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=1, sends=0)
    (recovery,) = await recoveries_of(world, saga_id)
    owing = int((await owed(world, recovery.user_id)).get("USD", "0"))
    assert Money.parse(await world.available(passing), USD).minor == owing
    await world.audit()


async def cancelled(world: World, saga_id: str) -> list[Effect]:
    return [each for each in await world.runtime.sagas.effects_of(saga_id) if each.status is EffectStatus.CANCELLED]


async def test_a_worker_that_was_fenced_out_keeps_the_answer_it_got(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    held = world.wire.hold(lambda request: request.method == "POST" and request.url.path == "/unit/payments")
    saga_id = await world.deposit(rich_ada)
    async with asyncio.TaskGroup() as workers:
        frozen = workers.create_task(world.settle())
        await held.arrived.wait()
        await world.take_over()
        await world.settle()
        held.released.set()
        await frozen
    await world.settle()
    told = await world.runtime.database["inbox"].find({"type": LATE_ANSWER}).to_list()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert [(each["payload"], each["status"]) for each in told if each["payload"]["effect_id"] == effect.id] == [
        ({"effect_id": effect.id, "ref": effect.provider_ref}, "done")
    ]
    assert await recoveries_of(world, saga_id) == []
    assert await world.available(rich_ada.dollars_id) == "600.00"


async def test_an_answer_to_an_effect_that_was_given_up_meanwhile_opens_a_recovery(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    await world.webhooks_travel("drop")
    saga_id, effect = await given_up(world, rich_ada)
    await world.webhooks_travel("drop")
    payment_id = await make_it_late(world, effect)
    lookout = world.runtime.lookout
    assert await lookout.weigh(replace(effect, status=EffectStatus.UNKNOWN), payment_id) is False
    assert await recoveries_of(world, saga_id) == []
    for _ in range(2):
        assert await lookout.weigh(effect, payment_id) is True
    (recovery,) = await recoveries_of(world, saga_id)
    await world.settle()
    assert (await world.saga(recovery.id)).status == "completed"
    assert await world.available(rich_ada.dollars_id) == "600.00"


async def test_a_payment_that_is_nobodys_is_parked_in_the_inbox(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    _, effect = await given_up(world, rich_ada)
    payment_id = await make_it_late(world, replace(effect, id="default/eff_nobody"))
    await world.settle()
    for _ in range(ATTEMPTS_MAX):
        world.clock.advance(61)
        await world.runtime.observations.work_off()
    told = await world.runtime.database["inbox"].find({"refs": f"unit:payment:{payment_id}"}).to_list()
    assert {each["status"] for each in told} == {"parked"}


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"provider_timeout_s": 0.9, "quiet_period_s": 1.5, "lease_s": 3.0}
