"""What a commit takes with it: everything that follows from it without a look outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.ledger.changes import Change, Door, Duplicate, Posted
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.journal import SagaRecord
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Call, Examine, Outcome, Progress, Run, Saga, Settled, Step
from app.providers.outcomes import Declined
from tests.orchestrator.crashes import steps_told
from tests.orchestrator.test_engine import break_down, note, refuse, started, step, toy
from tests.worlds import World

PROVIDER = "unit"


async def go_ahead(_run: Run, _outside: Outside) -> None:
    """There is nothing in the way."""


@dataclass
class Watched:
    """A door that keeps which steps were told of in each commit that was made."""

    door: Door
    told: list[list[str]] = field(default_factory=list)

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        verdict = await self.door.submit(change, deadline_s=deadline_s)
        self.told.append(steps_told(change))
        return verdict


@dataclass(frozen=True, slots=True)
class Instant:
    """A call that has settled when it is answered; unless told otherwise it has nothing to look at before."""

    provider: str = PROVIDER
    operation: str = "act"
    declines: bool = False

    examine: Examine | None = None

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"step": run.step}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:  # noqa: ARG002
        if self.declines:
            raise Declined(PROVIDER, "no")
        return Sent(effect.id, seen="settled")

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:  # noqa: ARG002
        return None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome()

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def look(self, effect: Effect, outside: Outside) -> str:  # noqa: ARG002
        return "settled"

    def judge(self, run: Run, effect: Effect, seen: str) -> Progress:  # noqa: ARG002
        return Settled()


def outside(name: str, call: Call) -> Step:
    return Step(name, told=lambda _params: f"{name} is done", do=call)


async def watched(world: World, flow: Saga) -> tuple[SagaRecord, list[list[str]]]:
    """The saga at its end, and what each commit behind its start has told of."""
    saga_id = await started(world, flow)
    door = Watched(world.runtime.door)
    world.work_through(door, {("toy", 1): flow})
    await world.settle()
    return await world.saga(saga_id), door.told


async def test_inner_steps_that_follow_one_another_cost_one_commit(calm_world: World) -> None:
    saga, told = await watched(calm_world, toy(step("a", note), step("b", note), step("c", note)))
    assert saga.status == "completed"
    assert told == [["a", "b", "c"]]


async def test_so_do_undoings(calm_world: World) -> None:
    flow = toy(step("a", note, note), step("b", note, note), step("c", refuse))
    saga, told = await watched(calm_world, flow)
    assert (saga.status, saga.reason) == ("compensated", "insufficient-funds")
    assert told == [["a"], ["b"], ["c", "b", "a", "record"]]


async def test_each_event_has_the_status_of_its_own_step(calm_world: World) -> None:
    """Whoever follows a saga stops at the first event that says it has ended."""
    saga, _ = await watched(calm_world, toy(step("a", note), step("b", note)))
    events = await calm_world.runtime.sagas.events(saga.id, 0, 100)
    assert [(each["type"], each["step"], each["status"]) for each in events][2:] == [
        ("done", "a", "running"),
        ("done", "b", "completed"),
        ("completed", "", "completed"),
    ]
    assert [each["seq"] for each in events] == list(range(1, 6))


async def test_a_call_with_nothing_to_examine_is_recorded_with_the_answer_before_it(calm_world: World) -> None:
    flow = toy(outside("a", Instant()), outside("b", Instant()), step("c", note))
    saga, told = await watched(calm_world, flow)
    assert saga.status == "completed"
    assert told == [["a"], ["a", "b"], ["b", "c"]]
    trace = await calm_world.trace(saga.id)
    assert trace[2:] == [
        "sending a",
        "accepted a",
        "done a",
        "sending b",
        "accepted b",
        "done b",
        "done c",
        "completed",
    ]
    assert {each.status.value for each in await calm_world.runtime.sagas.effects_of(saga.id)} == {"confirmed"}


async def test_a_call_that_looks_first_is_recorded_when_it_has_looked(calm_world: World) -> None:
    saga, told = await watched(calm_world, toy(outside("a", Instant()), outside("b", Instant(examine=go_ahead))))
    assert saga.status == "completed"
    assert told == [["a"], ["a"], ["b"], ["b"]]


async def test_what_was_done_before_a_declined_call_is_undone_with_it(calm_world: World) -> None:
    flow = toy(step("a", note, note), outside("b", Instant(declines=True)))
    saga, told = await watched(calm_world, flow)
    assert (saga.status, saga.reason) == ("compensated", "no")
    assert told == [["a", "b"], ["b", "a", "record"]]


@pytest.mark.parametrize("last", [1, 2, 3])
async def test_what_is_refused_together_is_done_as_far_as_it_goes(calm_world: World, last: int) -> None:
    names = ["a", "b", "c"]
    steps = [step(name, refuse if number == last else note) for number, name in enumerate(names, start=1)]
    saga, _ = await watched(calm_world, toy(*steps))
    assert (saga.status, saga.reason) == ("compensated", "insufficient-funds")
    done = [each for each in await calm_world.trace(saga.id) if each.startswith("done")]
    assert done == ["done record", *(f"done {name}" for name in names[: last - 1])]


async def test_what_cannot_be_worked_out_keeps_no_answer_from_being_written(calm_world: World) -> None:
    calm_world.surprises_welcome = True
    flow = toy(outside("a", Instant()), step("b", note), step("c", break_down))
    saga_id = await started(calm_world, flow)
    assert await calm_world.runtime.engine.claim_and_drive()
    saga = await calm_world.saga(saga_id)
    assert (saga.state, saga.errors) == ("do:c", 1)
    assert (await calm_world.trace(saga_id))[-2:] == ["done a", "done b"]
