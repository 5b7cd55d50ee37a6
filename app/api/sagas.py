"""Sagas as callers see them: where they stand, what happens live, and the whole run in sentences."""

from datetime import datetime
from typing import Any, Self

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from app.api.bodies import SagaId
from app.api.deps import CurrentRuntime, Reader
from app.api.events import EVENT_STREAM, LastEventId
from app.api.problems import problems
from app.api.streams import EventStream, Frame, News, Pace
from app.api.strict import StrictRoute
from app.api.views import Instant, SagaStatus, stored_money
from app.clock import rfc3339
from app.errors import Missing, Overloaded, TooManyStreams
from app.identity.principals import Principal
from app.ids import public_id, stored_id
from app.ledger.documents import transaction_from
from app.orchestrator.flows import FLOWS
from app.orchestrator.journal import SagaRecord
from app.orchestrator.lifecycle import ENDS
from app.orchestrator.progress import current_step, postings_by_step, sentence, steps_of
from app.orchestrator.saga import Saga
from app.orchestrator.story import moved, summary
from app.orchestrator.watches import watched_until
from app.runtime import Runtime

router = APIRouter(prefix="/v1/sagas", tags=["sagas"], route_class=StrictRoute)

_EVENTS_MAX = 500
_LOOK_S = 0.25
_ALL_TOLD: dict[int | str, dict[str, Any]] = {204: {"description": "The saga has ended, and the caller has all of it."}}


class StepView(BaseModel):
    """One step."""

    name: str
    status: str
    attempts: int
    at: Instant | None


class SagaView(BaseModel):
    """A saga and its steps. ``watching_until``: what has settled may still be taken back until then."""

    id: str
    type: str
    status: SagaStatus
    step: str | None
    steps: list[StepView]
    reason: str | None
    watching_until: Instant | None

    @classmethod
    def of(cls, saga: SagaRecord, watching_until: datetime | None) -> Self:
        steps = steps_of(_flow_of(saga), saga)
        return cls(
            id=public_id(saga.id),
            type=saga.type,
            status=saga.status,
            step=current_step(saga),
            steps=[StepView(name=step.name, status=step.status, attempts=step.attempts, at=step.at) for step in steps],
            reason=saga.reason,
            watching_until=watching_until,
        )


class LegView(BaseModel):
    """One side of a posting."""

    account_id: str
    direction: str
    amount: str
    currency: str


class PostingView(BaseModel):
    """What a step posted."""

    transaction_id: str
    at: Instant
    kind: str
    status: str
    sentence: str
    legs: list[LegView]

    @classmethod
    def of(cls, transaction: dict[str, Any]) -> Self:
        return cls(
            transaction_id=public_id(transaction["_id"]),
            at=transaction["timestamp"],
            kind=transaction["kind"],
            status=transaction["status"],
            sentence=moved(transaction_from(transaction)),
            legs=[
                LegView(
                    account_id=public_id(leg["account_id"]),
                    direction=leg["side"],
                    amount=str(stored_money(leg, "amount")),
                    currency=leg["currency"],
                )
                for leg in transaction["legs"]
            ],
        )


class SentenceView(BaseModel):
    """One thing that happened."""

    at: Instant
    step: str
    sentence: str


class StoryView(BaseModel):
    """The run in one sentence and in many, and the postings beside each step."""

    id: str
    status: SagaStatus
    summary: str
    story: list[SentenceView]
    postings: dict[str, list[PostingView]]


@router.get("/{saga_id}", responses=problems(Missing))
async def show_saga(saga_id: SagaId, caller: Reader, runtime: CurrentRuntime) -> SagaView:
    """Where a saga stands."""
    saga = await _own(runtime, caller, saga_id)
    return SagaView.of(saga, watched_until(await runtime.keeping.watches.watches_of(saga.id)))


@router.get("/{saga_id}/story", responses=problems(Missing))
async def tell_saga(saga_id: SagaId, caller: Reader, runtime: CurrentRuntime) -> StoryView:
    """What happened, in sentences."""
    saga = await _own(runtime, caller, saga_id)
    events = await runtime.sagas.events(saga.id, 0, _EVENTS_MAX)
    flow = _flow_of(saga)
    transactions = await runtime.ledger.transactions_of_saga(saga.id)
    postings = postings_by_step(transactions)
    effects = await runtime.sagas.effects_of(saga.id)
    return StoryView(
        id=saga_id,
        status=saga.status,
        summary=summary(saga, effects, [transaction_from(each) for each in transactions]),
        story=[
            SentenceView(at=event["at"], step=event["step"], sentence=sentence(flow, saga.params, event))
            for event in events
        ],
        postings={step: [PostingView.of(posting) for posting in posted] for step, posted in postings.items()},
    )


@router.get(
    "/{saga_id}/events",
    response_class=StreamingResponse,
    responses={**EVENT_STREAM, **_ALL_TOLD, **problems(Missing, TooManyStreams, Overloaded)},
)
async def stream_events(
    saga_id: SagaId, caller: Reader, runtime: CurrentRuntime, last_event_id: LastEventId = 0
) -> Response:
    """What happens, as it happens, until the saga has ended; ``Last-Event-ID`` resumes.

    To whoever has all of an ended one the answer is 204, which tells a browser's ``EventSource`` not to come back.
    """
    saga = await _own(runtime, caller, saga_id)
    seen = last_event_id if last_event_id <= saga.events else 0  # a number that is not of this saga's
    if saga.status in ENDS and seen == saga.events:
        return Response(status_code=204)

    async def look(seen: int) -> News:
        current = await runtime.sagas.saga(saga.id)  # one read for all streams that look at this moment
        if current is None or current.events <= seen:
            return News([], is_last=current is None or current.status in ENDS)
        events = _in_a_row(await runtime.sagas.events(saga.id, seen, _EVENTS_MAX), seen)
        is_last = bool(events) and events[-1]["status"] in ENDS
        return News([_frame(saga, event) for event in events], is_last=is_last)

    return EventStream(runtime.streams.admit(caller.stored_user_id), look, seen, Pace(_LOOK_S))


def _in_a_row(events: list[dict[str, Any]], seen: int) -> list[dict[str, Any]]:
    """Those up to a hole: a read that takes several moments may miss one that is committed before it ends."""
    return [event for number, event in enumerate(events, start=seen + 1) if event["seq"] == number]


def _frame(saga: SagaRecord, event: dict[str, Any]) -> Frame:
    shown = {
        "seq": event["seq"],
        "at": rfc3339(event["at"]),
        "type": event["type"],
        "step": event["step"],
        "status": event["status"],
        "sentence": sentence(_flow_of(saga), saga.params, event),
    }
    return Frame(event["seq"], event["type"], orjson.dumps(shown))


def _flow_of(saga: SagaRecord) -> Saga | None:
    """Its definition; None where this release does not have it: it is parked then, and still somebody's own."""
    return FLOWS.get((saga.type, saga.def_version))


async def _own(runtime: Runtime, caller: Principal, saga_id: str) -> SagaRecord:
    saga = await runtime.sagas.saga_of(stored_id(caller.book, saga_id), caller.user_id)
    if saga is None:
        raise Missing("saga")
    return saga
