"""Killed at any commit, a saga comes to the end it would have come to, and moves no money twice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.orchestrator.crashes import FallingDoor, StumblingDoor, outlive
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, SHORT, STEADY, Outside, Scenario, require_end
from tests.worlds import Customer, World

_ONE_BY_ONE = {("from account to chain", True)}
_COMMITS_MAX = 60
_WHEN = {"before the commit": False, "after the commit": True}


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return SETTINGS


@pytest.mark.parametrize("committed", _WHEN.values(), ids=_WHEN)
@pytest.mark.parametrize("name", STEADY)
@pytest.mark.long_when(lambda name: name not in SHORT, "name")
async def test_workers_that_die_one_after_another_come_to_the_same_end(
    calm_world: World, rich_ada: Customer, name: str, *, committed: bool
) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    before, key = await Outside.of(world), rich_ada.dollars_id
    await scenario.set_up(world)
    quote = await scenario.quote(world, rich_ada)
    door = StumblingDoor(world.runtime.door, committed=committed)
    for _ in range(_COMMITS_MAX):
        world.runtime = replace(world.runtime, engine=world.engine(door))
        await outlive(scenario.run(world, rich_ada, key, quote))
        if not door.dead:
            break
        await world.take_over()
        door.let_another_live()
    assert door.deaths, "there was nothing to crash at"
    await require_end(world, scenario, await scenario.run(world, rich_ada, key, quote), before, rich_ada)


@pytest.mark.parametrize("committed", _WHEN.values(), ids=_WHEN)
@pytest.mark.parametrize("name", STEADY)
@pytest.mark.long_when(lambda name, committed: (name, committed) not in _ONE_BY_ONE, "name", "committed")
async def test_a_crash_at_any_commit_changes_nothing_in_the_end(
    calm_world: World, ada: Customer, name: str, *, committed: bool, full: bool
) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    for dies_at in range(1, _COMMITS_MAX):
        customer = await world.with_new_accounts(ada, "500.00")
        if not await _run_with_a_crash(world, scenario, customer, dies_at, committed=committed, thorough=full):
            assert dies_at > 2, "there was nothing to crash at"
            return
    raise AssertionError("a run without an end")


async def _run_with_a_crash(
    world: World, scenario: Scenario, customer: Customer, dies_at: int, *, committed: bool, thorough: bool
) -> bool:
    """Whether the crash came before the run was over."""
    before = await Outside.of(world)
    await scenario.set_up(world)
    key = customer.dollars_id
    quote = await scenario.quote(world, customer)
    door = FallingDoor(world.runtime.door, dies_at, committed=committed)
    world.work_through(door)
    await outlive(scenario.run(world, customer, key, quote))
    await (world.restart() if thorough else world.take_over())
    saga_id = await scenario.run(world, customer, key, quote)
    await require_end(world, scenario, saga_id, before, customer)
    return door.dead
