"""Sagas in flight survive a release: today's code writes the stored histories, and goes on from any point of them.

A difference says that a definition has changed under sagas that are pinned to it. Then it is another version, unless
the difference is compatible: the stored file is removed by hand, written again, and the commit says why.
"""

from pathlib import Path

import pytest

from app.orchestrator.flows import FLOWS
from tests.orchestrator.crashes import outlive
from tests.orchestrator.histories import FOLDER, Historian, laid_over, path_of, store, stored
from tests.orchestrator.scenarios import SCENARIOS, Outside, Scenario, require_end
from tests.worlds import Customer, World

UNTOLD = {"card_topup", "card_payout", "onboarding"}
"""Flows whose documents hold sealed texts or ids of vendors that no two runs have in common: without a history yet."""
STEADY = [name for name, each in SCENARIOS.items() if not each.fleeting and each.flow not in UNTOLD]
RESUMED = ("deposit", "delivery declined, account paid", "withdrawal")
_BYTES_MAX = 1_000_000


async def live(world: World, scenario: Scenario, customer: Customer, historian: Historian) -> str:
    """Let it run to its end, or to the historian's; the quote that it was ordered by."""
    await scenario.set_up(world)
    key, quote = customer.dollars_id, await scenario.quote(world, customer)
    world.work_through(historian)
    await outlive(_go(world, scenario, customer, key, quote))
    return quote


async def _go(world: World, scenario: Scenario, customer: Customer, key: str, quote: str) -> str:
    saga_id = await scenario.order(world, customer, key, quote)
    await world.settle()
    return saga_id


@pytest.mark.parametrize("name", STEADY)
async def test_todays_code_writes_the_stored_history(
    calm_world: World, ada: Customer, name: str, request: pytest.FixtureRequest
) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    historian = Historian(world.runtime.door, scenario.flow)
    await live(world, scenario, await world.with_new_accounts(ada, "500.00"), historian)
    path = path_of(scenario.flow, historian.version, name)
    if request.config.getoption("golden") and not path.exists():
        store(path, historian.commits)
    assert path.exists(), "write it with ./scripts/golden"
    assert historian.commits == stored(path)


@pytest.mark.parametrize("name", RESUMED)
async def test_from_every_stored_commit_todays_code_goes_on_to_the_same_end(
    calm_world: World, ada: Customer, name: str
) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    (path,) = FOLDER.glob(f"{scenario.flow}-v*/{path_of('', 0, name).name}")
    history = stored(path)
    for commits in range(1, len(history)):
        customer, before = await world.with_new_accounts(ada, "500.00"), await Outside.of(world)
        historian = Historian(world.runtime.door, scenario.flow, dies_after=commits)
        quote = await live(world, scenario, customer, historian)
        await _lay(world, historian, path)
        await world.take_over()
        saga_id = await _go(world, scenario, customer, customer.dollars_id, quote)
        await require_end(world, scenario, saga_id, before, customer)


async def _lay(world: World, historian: Historian, path: Path) -> None:
    """Put what the stored history had written in the place of what today's code has."""
    for (collection, document_id), left in historian.lie_as(stored(path)).items():
        present = await world.runtime.database[collection].find_one({"_id": document_id})
        assert present is not None, document_id
        over = laid_over(historian.words, left, present)
        await world.runtime.database[collection].replace_one({"_id": document_id}, over)


def test_every_stored_version_is_still_registered() -> None:
    kept = {folder.name for folder in FOLDER.iterdir()}
    assert kept <= {f"{name}-v{version}" for name, version in FLOWS}


def test_a_stored_history_is_never_overwritten() -> None:
    path = next(FOLDER.glob("*/*.json"))
    with pytest.raises(FileExistsError):
        store(path, [])


def test_the_histories_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.json")) < _BYTES_MAX
