"""Killed at any commit, a saga comes to the end it would have come to, and moves no money twice."""

import pytest

from tests.orchestrator.crashes import FallingDoor, outlive
from tests.orchestrator.scenarios import SCENARIOS, Outside, Scenario, require_end
from tests.worlds import Customer, World

SHORT = {
    ("delivery declined, bank paid", False),
    ("from account to chain", False),
    ("from account to chain", True),
    ("deposit", True),
    ("sale", False),
    ("withdrawal", True),
}
_COMMITS_MAX = 60


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if not scenario.fleeting])
@pytest.mark.long_when(lambda name, committed: (name, committed) not in SHORT, "name", "committed")
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
    await outlive(_go(world, scenario, customer, key, quote))
    await (world.restart() if thorough else world.take_over())
    saga_id = await _go(world, scenario, customer, key, quote)
    await require_end(world, scenario, saga_id, before, customer)
    return door.dead


async def _go(world: World, scenario: Scenario, customer: Customer, key: str, quote: str) -> str:
    saga_id = await scenario.order(world, customer, key, quote)
    await world.settle()
    return saga_id
