"""Claiming: many sagas at once, each by one worker, whatever becomes of the wire to the database meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.orchestrator.engine import Claim
from app.orchestrator.store import SagaStore
from app.plumbing.mongo import connect
from tests.ledger.given import until
from tests.ledger.proxy import Fate, Proxy, proxied
from tests.orchestrator.test_commands import Post, by_post
from tests.orchestrator.test_engine import note, started, step, toy
from tests.worlds import World

FLOW = toy(step("a", note))
DUE = 12


@asynccontextmanager
async def store_behind(world: World, proxy: Proxy) -> AsyncIterator[SagaStore]:
    client, database = connect(proxy.uri, world.runtime.database.name)
    async with client:
        yield SagaStore(database)


async def test_what_is_due_is_claimed_together_and_by_one_worker_each(calm_world: World) -> None:
    due = {await started(calm_world, FLOW) for _ in range(DUE)}
    store, now = calm_world.runtime.sagas, calm_world.clock.now()
    claims = await asyncio.gather(*(store.claim(now, 5.0, DUE) for _ in range(4)))
    assert sorted(saga.id for claimed in claims for saga in claimed) == sorted(due)


async def test_no_more_is_claimed_than_there_is_room_for(calm_world: World) -> None:
    for _ in range(DUE):
        await started(calm_world, FLOW)
    store, now = calm_world.runtime.sagas, calm_world.clock.now()
    assert len(await store.claim(now, 5.0, DUE - 5)) == DUE - 5
    assert len(await store.claim(now, 5.0, DUE)) == 5


async def test_a_recorded_call_is_made_only_by_whom_the_saga_still_belongs_to(calm_world: World) -> None:
    """Each of two has recorded its call when its lease is over; one of the sagas is somebody else's by then."""
    world, lease_s, now_s = calm_world, calm_world.settings.lease_s, asyncio.get_running_loop().time()
    post = Post()
    for taken_over in (True, False):
        saga_id = await started(world, by_post(post))
        engine, store = world.runtime.engine, world.runtime.sagas
        ((saga, claim),) = await engine._claim(1, only=saga_id)
        recorded = await engine._driver.advance(saga, claim)
        assert recorded is not None
        if taken_over:
            await world.expire_leases()
            assert await store.claim(world.clock.now(), lease_s, 1, only=saga_id)
        await engine._driver.advance(recorded, Claim(store, saga, lease_s, claimed_at_s=now_s - lease_s))
        assert len(post.sent) == (0 if taken_over else 1)


async def test_a_claim_whose_answer_is_lost_is_a_claim(calm_world: World, mongodb_uri: str) -> None:
    saga_id = await started(calm_world, FLOW)

    async def lose_the_answer(command: str, _message: bytes) -> Fate:
        return Fate.GOES_UNANSWERED if command == "update" and not proxy.losses else Fate.ARRIVES

    async with proxied(mongodb_uri) as proxy, store_behind(calm_world, proxy) as store:
        proxy.rule = lose_the_answer
        claimed = await store.claim(calm_world.clock.now(), 5.0, DUE)
    assert (proxy.losses, [saga.id for saga in claimed]) == (1, [saga_id])


async def test_the_loop_outlives_an_outage_of_the_database(calm_world: World, mongodb_uri: str) -> None:
    calm_world.surprises_welcome = True
    saga_id = await started(calm_world, FLOW)

    async def lose_some(command: str, message: bytes) -> Fate:
        return Fate.IS_LOST if command == "find" and b"lease_until" in message and proxy.losses < 3 else Fate.ARRIVES

    async def completed() -> bool:
        return (await calm_world.saga(saga_id)).status == "completed"

    async with proxied(mongodb_uri) as proxy, store_behind(calm_world, proxy) as store:
        proxy.rule = lose_some
        engine = calm_world.engine(calm_world.runtime.door, {("toy", 1): FLOW}, store)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(engine.run())
            await until(completed, deadline_s=50)
            engine.close()
    assert proxy.losses == 3
