"""Cases, for compliance officers."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.bodies import Body, CaseId, Reason
from app.api.deps import ComplianceOfficer, ComplianceReader, CurrentRuntime, OptionalIdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, paged, place_of, stored_money
from app.errors import CaseDecided, IdempotencyKeyReused, Malformed, Missing, OutcomeUnresolved, Overloaded
from app.ids import new_id, public_id, stored_id
from app.ledger.acts import Answerable
from app.ledger.changes import Document

router = APIRouter(prefix="/v1/admin/cases", tags=["cases"], route_class=StrictRoute)

Decision = Annotated[str, Field(pattern=r"^[a-z][a-z_-]{0,39}$", examples=["resolved", "dismissed"])]


class DecisionRequest(Body):
    """What is decided, in a word of the house's own, and why."""

    decision: Decision
    reason: Reason


class CaseView(BaseModel):
    """What somebody has to look at. ``about`` names what it concerns; amounts are as the books have them."""

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

    @classmethod
    def of(cls, case: Document) -> Self:
        names = [name for name in ("transaction_id", "account_id", "landed_on", "saga_id") if case.get(name)]
        return cls(
            id=public_id(case["_id"]),
            kind=case["kind"],
            status=case["status"],
            about={name: public_id(case[name]) for name in names},
            amount=str(stored_money(case, "amount")) if "amount" in case else None,
            currency=case.get("currency"),
            opened_at=case["opened_at"],
            decision=case.get("decision"),
            decided_by=case.get("decided_by"),
            decided_at=case.get("decided_at"),
            reason=case.get("decided_for"),
        )


@router.get("", responses=problems(Malformed))
async def list_cases(
    caller: ComplianceReader,
    runtime: CurrentRuntime,
    status: Annotated[Literal["open", "decided"] | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CaseView]:
    """The tenant's cases, newest first."""
    query = {} if status is None else {"status": status}
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
    responses=problems(Missing, IdempotencyKeyReused, CaseDecided, Overloaded, OutcomeUnresolved),
)
async def decide_case(
    case_id: CaseId,
    body: DecisionRequest,
    caller: ComplianceOfficer,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
) -> CaseView:
    """Decide a case, once."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    return CaseView.of(await runtime.desk.deciding.decide(stored_id(caller.book, case_id), body.decision, answerable))
