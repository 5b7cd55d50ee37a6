"""A vendor that should have told something is noticed; one that had nothing to tell is not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog

from app.orchestrator.silence import USUAL, Silence
from app.orchestrator.silence_store import SilenceStore
from tests.worlds import Customer, World

QUARTER = USUAL["unit"]
NOTHING = timedelta(0)


@pytest.fixture
def shown() -> dict[str, timedelta]:
    return {}


@pytest.fixture
def silence(calm_world: World, shown: dict[str, timedelta]) -> Silence:
    return Silence(SilenceStore(calm_world.runtime.database), calm_world.clock, shown.__setitem__)


@pytest.fixture
def said() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def alarms(said: list[Any]) -> list[str]:
    return [entry["provider"] for entry in said if entry["event"] == "vendor-silent"]


async def pull_in_silence(world: World, customer: Customer) -> None:
    await world.settle()  # what others have left under way is told before
    await world.webhooks_travel("drop")
    world.clock.advance(1)  # and what is asked of the bank now comes after that
    await world.deposit(customer)
    await world.settle()
    await world.webhooks_travel("normal")


async def test_a_vendor_that_took_something_on_and_tells_nothing_is_named_once(
    calm_world: World, rich_ada: Customer, silence: Silence, shown: dict[str, timedelta], said: list[Any]
) -> None:
    await pull_in_silence(calm_world, rich_ada)
    calm_world.clock.advance(QUARTER.total_seconds())
    for _ in range(3):
        await silence.look()
    assert alarms(said) == ["unit"]
    assert shown["unit"] >= QUARTER
    await calm_world.deposit(rich_ada)
    await calm_world.settle()
    await silence.look()
    assert shown["unit"] == NOTHING
    await pull_in_silence(calm_world, rich_ada)
    calm_world.clock.advance(QUARTER.total_seconds())
    await silence.look()
    assert alarms(said) == ["unit", "unit"]


async def test_a_vendor_of_whom_nothing_was_asked_may_be_silent_for_days(
    calm_world: World, rich_ada: Customer, silence: Silence, shown: dict[str, timedelta], said: list[Any]
) -> None:
    await calm_world.deposit(rich_ada)
    await calm_world.settle()
    calm_world.clock.advance(30 * 86_400)
    await silence.look()
    assert shown == dict.fromkeys(USUAL, NOTHING)
    assert alarms(said) == []


async def test_an_answer_that_came_late_is_no_word_of_the_vendors(
    calm_world: World, rich_ada: Customer, silence: Silence, shown: dict[str, timedelta]
) -> None:
    await pull_in_silence(calm_world, rich_ada)
    late = {"_id": "unit:late:eff", "provider": "unit", "event_id": "late:eff", "type": "late-answer", "refs": []}
    kept = {**late, "payload": {}, "status": "done", "attempts": 0, "version": 1}
    at = calm_world.clock.now()
    await calm_world.runtime.database["inbox"].insert_one({**kept, "due_at": at, "received_at": at})
    calm_world.clock.advance(60)
    await silence.look()
    assert shown["unit"] >= timedelta(minutes=1)


async def test_both_reads_walk_down_an_index(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.deposit(rich_ada)
    await calm_world.settle()
    database = calm_world.runtime.database
    effects = {"provider": "unit", "status": "confirmed", "first_sent_at": {"$gt": calm_world.clock.now()}}
    inbox = {"provider": "unit", "type": {"$ne": "late-answer"}}
    for collection, query, key in (("effects", effects, "first_sent_at"), ("inbox", inbox, "received_at")):
        plan = await database[collection].find(query).sort(key, 1 if collection == "effects" else -1).explain()
        assert "SORT'" not in repr(plan["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in repr(plan["queryPlanner"]["winningPlan"])
