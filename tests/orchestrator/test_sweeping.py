"""A webhook that never came is found in the bank's own list."""

from app.orchestrator.progress import order_status
from app.orchestrator.sweeping import Sweeping
from tests.worlds import Customer, World


def sweeping(world: World) -> Sweeping:
    runtime = world.runtime
    return Sweeping(runtime.providers.bank_events, runtime.inbox, world.clock, every_s=300)


async def test_lost_webhooks_are_swept_up_once_and_wake_who_waits(calm_world: World, rich_ada: Customer) -> None:
    world, sweep = calm_world, sweeping(calm_world)
    await sweep.sweep()
    await world.webhooks_travel("drop")
    saga_id = await world.deposit(rich_ada)
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    heard = {"refs": f"unit:payment:{effect.provider_ref}"}
    assert await world.runtime.database["inbox"].count_documents(heard) == 0
    assert await sweep.sweep() == 3
    assert await sweep.sweep() == 0
    await world.runtime.observations.work_off()
    assert await world.runtime.database["inbox"].count_documents({**heard, "status": "done"}) == 3


async def test_what_was_delivered_is_not_new(calm_world: World, rich_ada: Customer) -> None:
    world, sweep = calm_world, sweeping(calm_world)
    await sweep.sweep()
    await world.deposit(rich_ada)
    await world.settle()
    assert await sweep.sweep() == 0


async def test_a_sweep_that_was_cut_short_begins_again_where_it_did(calm_world: World, rich_ada: Customer) -> None:
    world, sweep = calm_world, sweeping(calm_world)
    await sweep.sweep()
    await world.webhooks_travel("drop")
    await world.deposit(rich_ada)
    await world.settle()
    await world.dial("unit list_events", "error", times=3)
    assert await sweep.sweep() == 0
    assert await sweep.sweep() == 3
