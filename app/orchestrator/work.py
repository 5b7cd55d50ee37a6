"""A saga at hand: its definition, the step it stands in, which of the step's actions, and what that may know. Pure."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from app.orchestrator.effects import EffectStatus
from app.orchestrator.journal import SagaRecord
from app.orchestrator.lifecycle import is_awaiting, phase_of, way_of
from app.orchestrator.saga import Action, Run, Saga, Step, Way
from app.values import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """``state``: where the saga stands, or stood when it was parked."""

    flow: Saga
    saga: SagaRecord
    state: str
    step: Step
    run: Run

    @property
    def way(self) -> Way:
        """Which of the step's actions it is at."""
        return self.run.way

    @property
    def awaiting(self) -> bool:
        """Whether the outside world must settle first."""
        return is_awaiting(self.state)

    @property
    def begun(self) -> bool:
        """Whether anything was written of its step; of a call, that is at the latest when it is recorded."""
        return self.step.name in self.saga.steps

    @property
    def action(self) -> Action:
        """That action."""
        action = {Way.DO: self.step.do, Way.UNDO: self.step.undo, Way.CALL_OFF: self.step.call_off}[self.way]
        if action is None:
            raise LookupError(f"{self.flow.name}: {self.step.name} has no {self.way}")
        return action

    @property
    def due_since(self) -> datetime:
        """What is due stays due since then: one key of an index less to write at every step."""
        due, now = self.saga.wake_at, self.run.now
        return due if due is not None and due < now else now

    def tries_again(self, status: EffectStatus) -> bool:
        """Whether a call that ended in vain is made once more: an undo always, a calling off unless it was refused."""
        return self.run.undoing or (self.way is Way.CALL_OFF and status is EffectStatus.CANCELLED)

    def steps_with(self, status: str, attempts: int | None = None) -> dict[str, Mapping[str, Any]]:
        """What is told of every step, once this one has that status."""
        name, steps = self.step.name, self.saga.steps
        tries = steps.get(name, {}).get("attempts", 1) if attempts is None else attempts
        return {**steps, name: {"status": status, "attempts": tries, "at": self.run.now}}


def work_on(flow: Saga, saga: SagaRecord, now: datetime) -> Work:
    """The saga at hand, by that definition, at that hour."""
    state = saga.parked_from or saga.state
    step = _step(flow, state)
    run = Run(
        saga_id=saga.id,
        user_id=saga.user_id,
        params=flow.params.model_validate(saga.params),
        step=step.name,
        way=way_of(state),
        now=now,
        step_statuses={name: str(told["status"]) for name, told in saga.steps.items()},
        results=saga.results,
        generations=saga.generations,
    )
    return Work(flow, saga, state, step, run)


@cache
def _step(flow: Saga, state: str) -> Step:
    return flow.step(phase_of(state)[1])
