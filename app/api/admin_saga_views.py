"""How a saga is shown to operators: what it did and what it left, and of the person behind it nothing but their id."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from app.api.views import Instant, SagaStatus
from app.ids import public_id
from app.ledger.changes import Document
from app.money import Money
from app.orchestrator.commands import Situation, legal
from app.orchestrator.effects import Effect
from app.orchestrator.journal import SagaRecord
from app.orchestrator.progress import current_step, sentence, steps_of, way_of_call
from app.orchestrator.transit import left_on_the_way


class SagaLine(BaseModel):
    """A saga in a list. ``due_at`` is when it looks again by itself; ``errors`` counts unexpected failures in a row."""

    id: str
    type: str
    status: SagaStatus
    step: str | None
    reason: str | None
    user_id: str
    errors: int
    due_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        return cls(
            id=public_id(saga.id),
            type=saga.type,
            status=saga.status,
            step=current_step(saga),
            reason=saga.reason,
            user_id=saga.user_id,
            errors=saga.errors,
            due_at=saga.wake_at,
            created_at=saga.created_at,
            updated_at=saga.updated_at,
        )


class StepLine(BaseModel):
    """One step."""

    name: str
    status: str
    attempts: int
    at: Instant | None


class EffectLine(BaseModel):
    """One outside call: where it stands, what the provider calls it, and how long ago it was first sent.

    ``way``: whether it does its step, undoes it, or calls it off.
    """

    id: str
    step: str
    way: str
    provider: str
    operation: str
    status: str
    attempts: int
    provider_ref: str | None
    approved_ref: str | None
    reason: str | None
    first_sent_at: Instant
    send_by: Instant
    age_s: int

    @classmethod
    def of(cls, saga: SagaRecord, effect: Effect, now: datetime) -> Self:
        return cls(
            id=public_id(effect.id),
            step=effect.step,
            way=way_of_call(saga, effect),
            provider=effect.provider,
            operation=effect.operation,
            status=effect.status.value,
            attempts=effect.attempts,
            provider_ref=effect.provider_ref,
            approved_ref=effect.approved_ref,
            reason=effect.reason,
            first_sent_at=effect.first_sent_at,
            send_by=effect.send_by,
            age_s=int((now - effect.first_sent_at).total_seconds()),
        )


class EventLine(BaseModel):
    """One line of its history."""

    seq: int
    at: Instant
    type: str
    step: str
    status: str
    sentence: str


class BalanceLine(BaseModel):
    """What it has left on an account that it must leave at zero, credits positive; or what a hold of it reserves."""

    id: str
    amount: str
    currency: str

    @classmethod
    def of(cls, stored_id: str, amount: Money) -> Self:
        return cls(id=public_id(stored_id), amount=str(amount), currency=amount.asset.code)


class EvidenceView(SagaLine):
    """A saga with all that is known of it. ``commands`` are those that fit now.

    ``watching_until``: what has settled may still be taken back until then.
    """

    definition: int
    watching_until: Instant | None
    steps: list[StepLine]
    effects: list[EffectLine]
    events: list[EventLine]
    transit: list[BalanceLine]
    holds: list[BalanceLine]
    commands: list[str]

    @classmethod
    def shown(cls, met: Situation, events: list[Document], watching_until: datetime | None) -> Self:
        """The saga as it stands, with its history."""
        saga, assets = met.saga, {each.id: each.first_debit.amount.asset for each in met.postings}
        return cls(
            **SagaLine.of(saga).model_dump(),
            definition=saga.def_version,
            watching_until=watching_until,
            steps=_steps(met),
            effects=[EffectLine.of(saga, each, met.now) for each in met.effects],
            events=[_event(met, each) for each in events],
            transit=[BalanceLine.of(*each) for each in left_on_the_way(met.postings).items()],
            holds=[BalanceLine.of(hold, Money(minor, assets[hold])) for hold, minor in met.held.items() if minor],
            commands=[command.value for command in legal(met)],
        )


def _steps(met: Situation) -> list[StepLine]:
    return [
        StepLine(name=step.name, status=step.status, attempts=step.attempts, at=step.at)
        for step in steps_of(met.flow, met.saga)
    ]


def _event(met: Situation, event: dict[str, Any]) -> EventLine:
    told = sentence(met.flow, met.saga.params, event)
    names = ("seq", "at", "type", "step", "status")
    return EventLine(sentence=told, **{name: event[name] for name in names})
