"""Cases, for compliance officers."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.bodies import Body, CaseId, Reason, UserId
from app.api.deps import ComplianceOfficer, ComplianceReader, CurrentRuntime, OptionalIdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, paged, place_of, stored_money
from app.compliance.case_rules import decisions_of
from app.errors import (
    CaseDecided,
    CaseUndecided,
    DecisionUnfit,
    IdempotencyKeyReused,
    Malformed,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    SecondOfficerNeeded,
    TooManyNotes,
)
from app.ids import new_id, public_id, stored_id
from app.ledger.acts import Answerable
from app.ledger.changes import Document

router = APIRouter(prefix="/v1/admin/cases", tags=["cases"], route_class=StrictRoute)

Decision = Annotated[str, Field(pattern=r"^[a-z][a-z_-]{0,39}$", examples=["resolved", "dismissed"])]

_IDS = ("transaction_id", "account_id", "landed_on", "saga_id", "concerns", "endpoint_id")
_FACTS = ("rule", "happened", "ref", "chain", "asset", "reason")
"""What a case says of what it concerns, by what opened it (docs/compliance.md)."""


class DecisionRequest(Body):
    """What is decided, in a word of the house's own, and why."""

    decision: Decision
    reason: Reason


class AssignmentRequest(Body):
    """Who works on it from now on, and why; null: nobody."""

    assignee: UserId | None
    reason: Reason


class NoteRequest(Body):
    """What whoever looks at the case next should know."""

    text: Reason


class ReopeningRequest(Body):
    """Why it is looked at again."""

    reason: Reason


class NoteView(BaseModel):
    """A note, and whose it is."""

    by: str
    at: Instant
    text: str


class ProposedDecision(BaseModel):
    """A decision that another officer must agree to."""

    decision: str
    by: str
    reason: str
    at: Instant


class CaseView(BaseModel):
    """What somebody has to look at. ``about`` names what it concerns; amounts are as the books have them.

    In ``about``, ``ref`` is a provider's object (``unit:payment:50``), ``saga_id`` the saga that opened the case, and
    ``concerns`` the one that it contradicts. ``decisions`` are those that fit it; ``proposal`` is one that another
    officer must agree to.
    """

    id: str
    kind: str
    status: str
    about: dict[str, str]
    amount: str | None
    currency: str | None
    opened_at: Instant
    decision: str | None
    decided_by: str | None
    decided_at: Instant | None
    reason: str | None
    user_id: str | None
    assignee: str | None
    notes: list[NoteView]
    proposal: ProposedDecision | None
    decisions: list[str]

    @classmethod
    def of(cls, case: Document) -> Self:
        return cls(
            id=public_id(case["_id"]),
            kind=case["kind"],
            status=case["status"],
            about=_about(case),
            amount=str(stored_money(case, "amount")) if "amount" in case else None,
            currency=case.get("currency"),
            opened_at=case["opened_at"],
            decision=case.get("decision"),
            decided_by=case.get("decided_by"),
            decided_at=case.get("decided_at"),
            reason=case.get("decided_for"),
            user_id=case.get("user_id"),
            assignee=case.get("assignee"),
            notes=case.get("notes", []),
            proposal=case.get("proposal"),
            decisions=list(decisions_of(case["kind"])),
        )


def _about(case: Document) -> dict[str, str]:
    ids = {name: public_id(case[name]) for name in _IDS if case.get(name)}
    return {**ids, **{name: case[name] for name in _FACTS if case.get(name)}}


@router.get("", responses=problems(Malformed))
async def list_cases(
    caller: ComplianceReader,
    runtime: CurrentRuntime,
    status: Annotated[Literal["open", "proposed", "decided"] | None, Query()] = None,
    kind: Annotated[str | None, Query(pattern=r"^[a-z][a-z-]{0,59}$")] = None,
    assignee: Annotated[UserId | None, Query()] = None,
    user_id: Annotated[UserId | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaseView]:
    """The tenant's cases, newest first: all, or those of a status, kind, assignee or customer."""
    asked = {"status": status, "kind": kind, "assignee": assignee, "user_id": user_id}
    query = {name: value for name, value in asked.items() if value is not None}
    found = await runtime.desk.cases.page(caller.book, query, place_of(cursor) if cursor else None, limit + 1)
    return paged(found, limit, CaseView.of, lambda case: (case["opened_at"], case["_id"]))


@router.get("/{case_id}", responses=problems(Missing))
async def show_case(case_id: CaseId, caller: ComplianceReader, runtime: CurrentRuntime) -> CaseView:
    """One case."""
    case = await runtime.desk.cases.case(stored_id(caller.book, case_id))
    if case is None:
        raise Missing("case")
    return CaseView.of(case)


@router.post(
    "/{case_id}/decisions",
    status_code=201,
    responses=problems(
        Missing,
        IdempotencyKeyReused,
        CaseDecided,
        DecisionUnfit,
        SecondOfficerNeeded,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def decide_case(
    case_id: CaseId,
    body: DecisionRequest,
    caller: ComplianceOfficer,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
) -> CaseView:
    """Decide a case, once; where two officers must agree, the first one proposes."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    return CaseView.of(await runtime.desk.deciding.decide(stored_id(caller.book, case_id), body.decision, answerable))


@router.post(
    "/{case_id}/assignment",
    responses=problems(Missing, IdempotencyKeyReused, CaseDecided, Overloaded, OutcomeUnresolved),
)
async def assign_case(
    case_id: CaseId,
    body: AssignmentRequest,
    caller: ComplianceOfficer,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
) -> CaseView:
    """Say who works on a case."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    case = await runtime.desk.deciding.assign(stored_id(caller.book, case_id), body.assignee, answerable)
    return CaseView.of(case)


@router.post(
    "/{case_id}/notes",
    status_code=201,
    responses=problems(Missing, IdempotencyKeyReused, TooManyNotes, Overloaded, OutcomeUnresolved),
)
async def note_on_case(
    case_id: CaseId, body: NoteRequest, caller: ComplianceOfficer, key: OptionalIdempotencyKey, runtime: CurrentRuntime
) -> CaseView:
    """Write a note on a case."""
    answerable = Answerable(caller.user_id, body.text, key or new_id("key"))
    return CaseView.of(await runtime.desk.deciding.note(stored_id(caller.book, case_id), answerable))


@router.post(
    "/{case_id}/reopening",
    responses=problems(Missing, IdempotencyKeyReused, CaseUndecided, Overloaded, OutcomeUnresolved),
)
async def reopen_case(
    case_id: CaseId,
    body: ReopeningRequest,
    caller: ComplianceOfficer,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
) -> CaseView:
    """Open a decided case again; what was done on its decision stays done."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    return CaseView.of(await runtime.desk.deciding.reopen(stored_id(caller.book, case_id), answerable))
