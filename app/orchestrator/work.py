"""A saga at hand: its definition, the step it stands in, which of the step's actions, and what that may know. Pure."""

from dataclasses import dataclass
from datetime import datetime

from app.orchestrator.journal import SagaRecord
from app.orchestrator.lifecycle import is_awaiting, phase_of, way_of
from app.orchestrator.saga import Action, Run, Saga, Step, Way


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
    def action(self) -> Action:
        """That action."""
        action = {Way.DO: self.step.do, Way.UNDO: self.step.undo, Way.CALL_OFF: self.step.call_off}[self.way]
        if action is None:
            raise LookupError(f"{self.flow.name}: {self.step.name} has no {self.way}")
        return action


def work_on(flow: Saga, saga: SagaRecord, now: datetime) -> Work:
    """The saga at hand, by that definition, at that hour."""
    state = saga.parked_from or saga.state
    step = flow.step(phase_of(state)[1])
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
