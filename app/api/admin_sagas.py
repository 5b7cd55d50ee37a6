"""Sagas in operators' eyes: which there are, how one stands with its evidence, and commands for those that stopped."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema

from app.api.admin_saga_views import EvidenceView, SagaLine
from app.api.bodies import Body, Reason, SagaId
from app.api.deps import CurrentRuntime, IdempotencyKey, OperationsReader, Operator
from app.api.problems import problems
from app.api.proposals import PROPOSED, ProposalView, proposed
from app.api.strict import StrictRoute
from app.api.views import Cursor, Limit, Page, paged, place_of
from app.compliance.proposals import Proposal
from app.errors import (
    AlreadyOutside,
    DefinitionUnknown,
    EffectEnded,
    EffectNotOpen,
    EffectOpen,
    EvidenceContradicts,
    EvidenceMissing,
    IdempotencyKeyReused,
    Malformed,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    SagaEnded,
    SagaNotParked,
    SecondOperatorNeeded,
    UnwindImpossible,
)
from app.ids import stored_id
from app.ledger.acts import Answerable
from app.orchestrator.commands import Command
from app.orchestrator.flows import FLOWS
from app.orchestrator.operators import Order
from app.orchestrator.watches import watched_until

router = APIRouter(prefix="/v1/admin/sagas", tags=["parked sagas"], route_class=StrictRoute)

_EVENTS_MAX = 500

Status = Literal["running", "waiting", "compensating", "parked", "completed", "compensated", "cancelled"]
_FLOWS: list[JsonValue] = [*sorted({name for name, _ in FLOWS})]


def _known(flow: str) -> str:
    if flow not in _FLOWS:
        raise ValueError("there is no such flow")
    return flow


FlowName = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": _FLOWS})]
Evidence = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e][\x20-\x7e]*$")]


class CommandRequest(Body):
    """What is to be done, what shows that it is right, and why.

    ``evidence`` of ``confirm`` is the provider's reference (a payment's id, a pending operation's id); of
    ``mark_absent`` what shows that there is none. It is kept, so it names no person.
    """

    command: Literal["retry", "confirm", "mark_absent", "compensate", "write_off", "cancel"]
    evidence: Evidence | None = None
    reason: Reason

    def order(self, saga_id: str) -> Order:
        return Order(saga_id, Command(self.command), self.evidence)


@router.get("", responses=problems(Malformed))
async def list_all_sagas(
    caller: OperationsReader,
    runtime: CurrentRuntime,
    status: Annotated[Status | None, Query()] = None,
    type: Annotated[FlowName | None, Query()] = None,  # noqa: A002 - the contract's name
    user_id: Annotated[str | None, Query(max_length=80)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SagaLine]:
    """The tenant's sagas, newest first."""
    query = {
        name: value for name, value in {"status": status, "type": type, "user_id": user_id}.items() if value is not None
    }
    found = await runtime.sagas.page(caller.book, query, place_of(cursor) if cursor else None, limit + 1)
    return paged(found, limit, SagaLine.of, lambda saga: (saga.created_at, saga.id))


@router.get("/{saga_id}", responses=problems(Missing))
async def show_evidence(saga_id: SagaId, caller: OperationsReader, runtime: CurrentRuntime) -> EvidenceView:
    """A saga with all that is known of it, and the commands that fit now."""
    met = await runtime.situations.of(stored_id(caller.book, saga_id))
    events = await runtime.sagas.events(met.saga.id, 0, _EVENTS_MAX)
    return EvidenceView.shown(met, events, watched_until(await runtime.keeping.watches.watches_of(met.saga.id)))


@router.post(
    "/{saga_id}/commands",
    responses={
        **PROPOSED,
        **problems(
            Missing,
            IdempotencyKeyReused,
            SagaEnded,
            SagaNotParked,
            DefinitionUnknown,
            EvidenceMissing,
            EffectNotOpen,
            EffectOpen,
            EffectEnded,
            EvidenceContradicts,
            AlreadyOutside,
            UnwindImpossible,
            SecondOperatorNeeded,
            Overloaded,
            OutcomeUnresolved,
        ),
    },
)
async def command_saga(
    saga_id: SagaId,
    body: CommandRequest,
    caller: Operator,
    key: IdempotencyKey,
    runtime: CurrentRuntime,
    response: Response,
) -> SagaLine | ProposalView:
    """Move a saga that does not go on by itself; what fits depends on how it stands.

    Above the limit, two operators must want what moves money or gives it up: the first one proposes it.
    """
    answerable = Answerable(caller.user_id, body.reason, key)
    saga = await runtime.operators.give(body.order(stored_id(caller.book, saga_id)), answerable)
    if isinstance(saga, Proposal):
        return proposed(saga, response)
    return SagaLine.of(saga)
