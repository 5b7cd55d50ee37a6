"""What every definition gets the day it is registered: each step fails, everything is done twice, news goes astray.

Crashes, prefixes of stored histories and frozen workers have files of their own, and take the same list.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.errors import StaleGuard
from app.ledger.accounts import main_account
from app.money import ASSETS, Money
from app.orchestrator.driver import Driver, Lease
from app.orchestrator.flows import FLOWS, chart
from app.orchestrator.flows.screening import SCREEN
from app.orchestrator.journal import SAGAS
from app.orchestrator.lifecycle import COMPENSATED, PARKED, may
from app.orchestrator.onward import Standing
from app.orchestrator.outside import Outside as Reachable
from app.orchestrator.saga import Action, Failed, Look, Outcome, Progress, Run, Saga, Step
from tests.orchestrator.histories import events_in, history_of
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, SHORT, STEADY, Outside, require_end, the_usual
from tests.worlds import Customer, World


def scenario_with(flow: str, version: int, step: str) -> str | None:
    """The first scenario of that definition in which that step is done."""
    for name, scenario in SCENARIOS.items():
        done = {event["step"] for event in events_in(history_of(name)) if event["type"] == "done"}
        if (scenario.flow, scenario.version) == (flow, version) and step in done:
            return name
    return None


JPY = ASSETS["JPY"]
MODES = ("duplicate", "delay", "reorder", "drop")
_LATER_STEPS = [
    (*definition, step.name)
    for definition, flow in FLOWS.items()
    for step in flow.steps[1:]
    if scenario_with(*definition, step.name)
]
"""A step that no order of that version comes to is done, and fails, in another version."""
_CAME_IN = {"crypto_deposit": Outside(pulls=0, refunds=0, sends=1), "recovery": Outside(pulls=1, refunds=0, sends=0)}
_PAID_IN = {"recovery": "600.00"}
_OFTEN = 1_000


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return SETTINGS


def test_every_registered_definition_has_a_scenario_and_every_scenario_is_of_one() -> None:
    assert set(the_usual()) == set(FLOWS)


# Each step fails.


def overdraw(run: Run) -> Outcome:
    """What the book refuses: nobody has a yen."""
    empty = main_account(run.book, run.user_id, JPY)
    return Outcome((run.hold("overdrawn", empty, chart.trading(run.book, JPY), Money(1, JPY)),), openings=(empty,))


async def fail(_run: Run, _outside: Reachable) -> Progress:
    return Failed("made to fail")


def failing(flow: Saga, name: str) -> Saga:
    """The definition with that step failing, if it is not a call: those fail at their vendor."""
    steps = (step if step.name != name or call_of(step) else replace(step, do=_failing(step.do)) for step in flow.steps)
    return replace(flow, steps=tuple(steps))


def call_of(step: Step) -> str | None:
    """The vendor's operation that a step calls, if it does: vendor and name."""
    action = step.do
    return None if callable(action) or isinstance(action, Look) else f"{action.provider} {action.operation}"


def _failing(action: Action) -> Action:
    return Look(fail) if isinstance(action, Look) else overdraw


@pytest.mark.parametrize(("flow", "version", "step"), _LATER_STEPS)
@pytest.mark.long_when(lambda version, step: version > 1 and step != SCREEN, "version", "step")
async def test_a_step_that_fails_leaves_everything_where_it_was(
    calm_world: World, rich_ada: Customer, flow: str, version: int, step: str
) -> None:
    world, definition = calm_world, FLOWS[flow, version]
    scenario, call = SCENARIOS[str(scenario_with(flow, version, step))], call_of(definition.step(step))
    before = await Outside.of(world)
    await scenario.set_up(world)
    world.work_through(world.runtime.door, {**FLOWS, (flow, version): failing(definition, step)})
    if call is not None:
        await world.dial(call, "decline", times=_OFTEN)
    saga = await world.saga(await scenario.run(world, rich_ada, rich_ada.dollars_id))
    assert saga.state == (COMPENSATED if may(definition, f"do:{step}", "fail") else PARKED), saga.reason
    seen = (await Outside.of(world)).since(before)
    given_back = min(seen.pulls, seen.refunds)
    assert replace(seen, pulls=seen.pulls - given_back, refunds=seen.refunds - given_back) == _CAME_IN.get(
        flow, Outside(pulls=0, refunds=0, sends=0)
    )
    assert await world.available(rich_ada.dollars_id) == _PAID_IN.get(flow, "500.00")
    assert await world.available(rich_ada.coins_id) == "0.01000000"
    await world.audit()


# Every step and every undo is done twice.


class Twice(Driver):
    """Does everything once more, as a worker would that slept through its own success."""

    async def advance(self, standing: Standing, lease: Lease) -> Standing | None:
        after = await Driver.advance(self, standing, lease)
        try:
            again = await Driver.advance(self, standing, lease)
        except StaleGuard as stale:
            if stale.collection != SAGAS:
                raise
        else:
            assert again is None or after is standing, "it was done a second time"
        return after


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.long_when(lambda name: name not in SHORT, "name")
async def test_what_is_done_twice_is_done_once(calm_world: World, rich_ada: Customer, name: str) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    before = await Outside.of(world)
    await scenario.set_up(world)
    world.runtime = replace(world.runtime, engine=world.engine(world.runtime.door, drives=Twice))
    saga_id = await scenario.run(world, rich_ada, rich_ada.dollars_id)
    await require_end(world, scenario, saga_id, before, rich_ada)


# News comes twice, late, out of order, early, or never.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STEADY)
@pytest.mark.long_when(
    lambda name, mode: name not in SHORT or MODES[STEADY.index(name) % len(MODES)] != mode, "name", "mode"
)
async def test_webhooks_twice_late_out_of_order_or_never_change_nothing(
    calm_world: World, rich_ada: Customer, name: str, mode: str
) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    before = await Outside.of(world)
    await scenario.set_up(world)
    await world.webhooks_travel(mode)
    saga_id = await scenario.run(world, rich_ada, rich_ada.dollars_id)
    await require_end(world, scenario, saga_id, before, rich_ada)


@pytest.mark.parametrize("name", the_usual().values())
@pytest.mark.long_when(lambda name: name not in SHORT, "name")
async def test_webhooks_that_come_before_the_answer_change_nothing(
    calm_world: World, rich_ada: Customer, name: str
) -> None:
    """Of each call the first answer is lost, so the vendor's news of it comes before we know what it is about."""
    world, scenario = calm_world, SCENARIOS[name]
    before = await Outside.of(world)
    await scenario.set_up(world)
    for step in FLOWS[scenario.flow, scenario.version].steps:
        if (call := call_of(step)) is not None:
            await world.dial(call, "timeout_after")
    saga_id = await scenario.run(world, rich_ada, rich_ada.dollars_id)
    await require_end(world, scenario, saga_id, before, rich_ada)
