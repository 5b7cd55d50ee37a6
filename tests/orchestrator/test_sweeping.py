"""A webhook that never came is found in the vendor's own list."""

import asyncio

from app.orchestrator.progress import order_status
from app.orchestrator.sweep_store import SweepStore
from app.orchestrator.sweeping import FIRST_LOOK_BACK, Sweeping
from tests.worlds import Customer, World

NEVER_PAID = "1047"
"""In cents: a card payment of it tells of nothing but its beginning."""


def sweeping(world: World) -> Sweeping:
    """A worker's, which has only just started."""
    runtime = world.runtime
    store = SweepStore(runtime.database)
    return Sweeping(runtime.providers.event_lists, store, runtime.inbox, runtime.door, world.clock, every_s=300)


async def up_to_date(world: World) -> Sweeping:
    """A worker's that has seen everything, also what others have left to happen at the vendors that all tests share."""
    await world.settle()
    sweep = sweeping(world)
    await sweep.sweep()
    return sweep


async def test_lost_webhooks_are_swept_up_once_and_wake_who_waits(calm_world: World, rich_ada: Customer) -> None:
    world, sweep = calm_world, await up_to_date(calm_world)
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
    world, sweep = calm_world, await up_to_date(calm_world)
    await world.deposit(rich_ada)
    await world.settle()
    assert await sweep.sweep() == 0


async def test_a_sweep_that_was_cut_short_begins_again_where_it_did(calm_world: World, rich_ada: Customer) -> None:
    world, sweep = calm_world, await up_to_date(calm_world)
    await world.webhooks_travel("drop")
    await world.deposit(rich_ada)
    await world.settle()
    await world.dial("unit list_events", "error", times=3)
    assert await sweep.sweep() == 0
    assert await sweep.sweep() == 3


async def test_a_worker_that_starts_anew_goes_on_where_the_last_one_had_swept(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    await up_to_date(world)
    await world.webhooks_travel("drop")
    await world.deposit(rich_ada)
    await world.settle()
    world.clock.advance(2 * FIRST_LOOK_BACK.total_seconds())
    assert await sweeping(world).sweep() == 3
    assert await sweeping(world).sweep() == 0


async def test_one_vendor_that_does_not_answer_keeps_no_other_from_being_swept(
    calm_world: World, rich_ada: Customer
) -> None:
    world, sweep = calm_world, await up_to_date(calm_world)
    await world.webhooks_travel("drop")
    await world.deposit(rich_ada)
    await world.settle()
    await world.dial("stripe list_events", "error", times=3)
    assert await sweep.sweep() == 3


async def test_card_payments_that_were_not_told_are_found_in_pages(calm_world: World) -> None:
    world, sweep = calm_world, await up_to_date(calm_world)
    (await world.desk.post("/control/webhooks", json={"vendor": "stripe", "mode": "drop"})).raise_for_status()
    headers = {"Authorization": "Bearer sk_test_any"}
    for number in range(101):
        body = {"amount": NEVER_PAID, "currency": "usd", "payment_method_types[0]": "card"}
        keyed = {**headers, "Idempotency-Key": f"swept-{number}"}
        (await world.desk.post("/stripe/v1/payment_intents", data=body, headers=keyed)).raise_for_status()
    await world.wire.idle()
    assert await sweep.sweep() == 101
    assert await sweep.sweep() == 0
    (await world.desk.post("/control/webhooks", json={"vendor": "stripe", "mode": "normal"})).raise_for_status()


async def test_two_workers_that_sweep_at_once_disturb_nobody(calm_world: World) -> None:
    await asyncio.gather(*(sweeping(calm_world).sweep() for _ in range(3)))
