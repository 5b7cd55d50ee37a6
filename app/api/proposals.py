"""What one operator has asked for and another must agree to."""

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel

from app.api.deps import CurrentRuntime, OperationsReader
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, paged, place_of
from app.compliance.proposals import Proposal
from app.errors import Malformed
from app.ledger.changes import Document

router = APIRouter(prefix="/v1/admin/proposals", tags=["proposals"], route_class=StrictRoute)


class ProposalView(BaseModel):
    """An act above the limit, which another operator makes true by asking for the same until ``expires_at``.

    ``details`` are what was asked for, and how the subject stood; nothing has been done.
    """

    act: str
    subject: str
    by: str
    reason: str
    details: dict[str, str | int | None]
    at: Instant
    expires_at: Instant

    @classmethod
    def of(cls, proposal: Proposal) -> Self:
        return cls(**{name: getattr(proposal, name) for name in cls.model_fields})


def proposed(proposal: Proposal, response: Response) -> ProposalView:
    """The answer to an act that another must agree to: 202."""
    response.status_code = 202
    return ProposalView.of(proposal)


PROPOSED: dict[int | str, dict[str, Any]] = {
    202: {"description": "Proposed: another operator must ask for the same", "model": ProposalView}
}


@router.get("", responses=problems(Malformed))
async def list_proposals(
    caller: OperationsReader, runtime: CurrentRuntime, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProposalView]:
    """What waits for another operator's agreement, newest first."""
    place = place_of(cursor) if cursor else None
    found = await runtime.desk.proposals.waiting(caller.book, place, limit + 1)
    return paged(found, limit, lambda each: ProposalView.of(Proposal.of(each)), _place)


def _place(document: Document) -> tuple[datetime, str]:
    return document["at"], document["_id"]
