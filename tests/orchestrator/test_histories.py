"""Sagas in flight survive a release: today's code writes the stored histories, and goes on from any point of them.

A difference says that a definition has changed under sagas that are pinned to it. Then it is another version, unless
the difference is compatible: the stored file is removed by hand, written again, and the commit says why.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.ledger.verify import TRANSIT_ROLES
from app.orchestrator.flows import FLOWS
from app.orchestrator.progress import sentence, steps_of
from tests.orchestrator.crashes import outlive
from tests.orchestrator.histories import (
    FOLDER,
    Commit,
    Historian,
    events_in,
    history_of,
    laid_over,
    path_of,
    sends_in,
    store,
    stored,
)
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, SHORT, STEADY, Outside, require_end
from tests.worlds import Customer, World

_A_WHILE = timedelta(hours=1)
_BYTES_MAX = 1_500_000


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return SETTINGS


@pytest.mark.parametrize("name", STEADY)
async def test_todays_code_writes_the_stored_history_to_its_end_and_can_tell_it(
    calm_world: World, rich_ada: Customer, name: str, request: pytest.FixtureRequest
) -> None:
    world, scenario, before = calm_world, SCENARIOS[name], await Outside.of(calm_world)
    await scenario.set_up(world)
    quote = await scenario.quote(world, rich_ada)
    historian = Historian(world.runtime.door, scenario.flow)
    world.work_through(historian)
    saga_id = await scenario.run(world, rich_ada, rich_ada.dollars_id, quote)
    assert historian.version == scenario.version
    path = path_of(scenario.flow, historian.version, name)
    if request.config.getoption("golden") and not path.exists():
        store(path, historian.commits)
    assert path.exists(), "write it with ./scripts/golden"
    assert historian.commits == stored(path)
    await require_end(world, scenario, saga_id, before, rich_ada)
    assert await _in_transit(world) == {}
    await _require_sentences(world, saga_id)


async def _in_transit(world: World) -> dict[str, str]:
    """What lies on accounts that are empty when nothing is under way."""
    accounts = world.runtime.database["accounts"].find({"role": {"$regex": f"^({'|'.join(TRANSIT_ROLES)})"}})
    return {each["_id"]: str(each["balance"]) async for each in accounts if str(each["balance"]) != "0"}


async def _require_sentences(world: World, saga_id: str) -> None:
    saga = await world.saga(saga_id)
    flow, ended = FLOWS[saga.type, saga.def_version], {"done", "failed", "undone", "skipped", "parked", "pending"}
    events = await world.runtime.sagas.events(saga_id, 0, 1_000)
    for event in events:
        told = sentence(flow, saga.params, event)
        assert told.endswith(".")
        assert not set("{}") & set(told)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {step.status for step in steps_of(flow, saga)} <= ended


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.long_when(lambda name: name not in SHORT, "name")
async def test_whoever_takes_up_a_stored_commit_writes_the_next_one(
    calm_world: World, rich_ada: Customer, name: str
) -> None:
    """Commit after commit. Behind the record of a call nobody knows whether it was made: the test below is for that."""
    world, scenario, history = calm_world, SCENARIOS[name], history_of(name)
    calls = {number for number, _ in sends_in(history)}
    before, key = await Outside.of(world), rich_ada.dollars_id
    await scenario.set_up(world)
    quote = await scenario.quote(world, rich_ada)
    historian = Historian(world.runtime.door, scenario.flow)
    for commits in (number for number in range(1, len(history)) if number not in calls):
        historian.live_on(dies_after=commits)
        world.work_through(historian)
        await outlive(scenario.run(world, rich_ada, key, quote))
        assert historian.commits == history[:commits]
        await _lay(world, historian, history)
        await world.take_over()
    historian.live_on(dies_after=None)
    world.work_through(historian)
    saga_id = await scenario.run(world, rich_ada, key, quote)
    assert historian.commits == history
    await require_end(world, scenario, saga_id, before, rich_ada)


@pytest.mark.parametrize("vendors_go_on", [False, True], ids=["at once", "after an hour of the vendors'"])
@pytest.mark.parametrize("name", STEADY)
@pytest.mark.long_when(lambda name, vendors_go_on: vendors_go_on or name not in SHORT, "name", "vendors_go_on")
async def test_from_every_stored_commit_todays_code_goes_on_to_the_same_end(
    calm_world: World, ada: Customer, name: str, *, vendors_go_on: bool, full: bool
) -> None:
    """In a short run from behind the record of the last call alone, whose outcome nobody knows."""
    history = history_of(name)
    commits = range(1, len(history)) if full else [number for number, _ in sends_in(history)][-1:]
    for number in commits:
        customer = await calm_world.with_new_accounts(ada, "500.00")
        await _resume(calm_world, name, customer, number, vendors_go_on=vendors_go_on)


async def _resume(world: World, name: str, customer: Customer, commits: int, *, vendors_go_on: bool) -> None:
    scenario, before, key = SCENARIOS[name], await Outside.of(world), customer.dollars_id
    await scenario.set_up(world)
    quote = await scenario.quote(world, customer)
    historian = Historian(world.runtime.door, scenario.flow, dies_after=commits)
    world.work_through(historian)
    await outlive(scenario.run(world, customer, key, quote))
    await _lay(world, historian, history_of(name))
    await world.take_over()
    if vendors_go_on:
        await world.third_parties_act(until=world.clock.now() + _A_WHILE)
    saga_id = await scenario.run(world, customer, key, quote)
    await require_end(world, scenario, saga_id, before, customer)


async def _lay(world: World, historian: Historian, history: list[Commit]) -> None:
    """Put what the stored history had written in the place of what today's code has."""
    await world.wire.idle()
    for (collection, document_id), left in historian.lie_as(history).items():
        present = await world.runtime.database[collection].find_one({"_id": document_id})
        assert present is not None, document_id
        over = laid_over(historian.words, left, present)
        await world.runtime.database[collection].replace_one({"_id": document_id}, over)


def test_every_registered_definition_has_a_stored_history_and_every_stored_one_is_registered() -> None:
    assert {folder.name for folder in FOLDER.iterdir()} == {f"{name}-v{version}" for name, version in FLOWS}


def test_every_step_of_every_definition_is_done_in_a_stored_history() -> None:
    """A step that a definition shares with another version of it may be done in that one's."""
    done = {
        FLOWS[scenario.flow, scenario.version].step(event["step"])
        for name, scenario in SCENARIOS.items()
        for event in events_in(history_of(name))
        if event["type"] == "done"
    }
    left = {(*definition, step.name) for definition, flow in FLOWS.items() for step in flow.steps if step not in done}
    assert left == set()


def test_a_stored_history_is_never_overwritten() -> None:
    path = next(FOLDER.glob("*/*.json"))
    with pytest.raises(FileExistsError):
        store(path, [])


def test_the_histories_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.json")) < _BYTES_MAX
