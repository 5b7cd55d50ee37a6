"""The sagas that the benchmark writes must be ones that the engine takes for its own."""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from app.clock import SystemClock
from app.orchestrator.journal import effect_id
from app.orchestrator.store import SagaStore
from bench.saga_flows import FLOWS, reference
from bench.sections import sagas

Database = AsyncDatabase[dict[str, Any]]


async def test_waiting_ones_are_not_due_and_can_be_woken(database: Database) -> None:
    await sagas._make_waiting(3, database)
    store, now = SagaStore(database), SystemClock().now()
    assert await store.claim(now, 5.0, 10) == []
    one = (await store.sagas({}, 1))[0]
    assert (one.type, one.def_version) in FLOWS
    assert await store.effect(effect_id(one.id, "wait")) is not None
    assert await store.wake([reference(one.id)], now) == 1
    assert [saga.id for saga in await store.claim(now, 5.0, 10)] == [one.id]


async def test_due_ones_can_be_claimed(database: Database) -> None:
    await sagas._make_due(7, database)
    assert len(await SagaStore(database).claim(SystemClock().now(), 5.0, 10)) == 7
