"""A worker that stands still for longer than its lease lasts, and wakes up, has no effect of its own."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from tests.orchestrator.histories import history_of, sends_in
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, STEADY, Outside, require_end
from tests.wire import Held
from tests.worlds import Customer, World


def calls_of(name: str) -> list[str]:
    """The vendors' operations that a scenario calls, in order."""
    return [call for _, call in sends_in(history_of(name))]


CALLS = [(name, number) for name in STEADY for number in range(len(calls_of(name)))]
FIRST = {calls_of(name)[number]: (name, number) for name, number in reversed(CALLS)}
"""By operation, the first scenario that calls it."""


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return SETTINGS


def hold_the_call(world: World, call: str, times_before: int) -> Held:
    """Keep a call from its vendor, after so many of the same."""
    vendor, operation = call.split()
    seen = 0

    def matches(request: httpx2.Request) -> bool:
        nonlocal seen
        seen += world.is_call(request, vendor, operation)
        return seen > times_before

    return world.wire.hold(matches)


@pytest.mark.parametrize(
    ("name", "number"), CALLS, ids=[f"{name}, {calls_of(name)[number]} ({number})" for name, number in CALLS]
)
@pytest.mark.long_when(lambda name, number: (name, number) not in FIRST.values(), "name", "number")
async def test_its_late_call_makes_nothing_twice(calm_world: World, rich_ada: Customer, name: str, number: int) -> None:
    world, scenario, calls = calm_world, SCENARIOS[name], calls_of(name)
    before, key = await Outside.of(world), rich_ada.dollars_id
    await scenario.set_up(world)
    quote = await scenario.quote(world, rich_ada)
    held = hold_the_call(world, calls[number], calls[:number].count(calls[number]))
    async with asyncio.TaskGroup() as workers:
        frozen = workers.create_task(scenario.run(world, rich_ada, key, quote))
        await held.arrived.wait()
        await world.take_over()
        saga_id = await scenario.run(world, rich_ada, key, quote)
        trace = await world.trace(saga_id)
        held.released.set()
        assert await frozen == saga_id
    await world.settle()
    assert await world.trace(saga_id) == trace
    await require_end(world, scenario, saga_id, before, rich_ada)
