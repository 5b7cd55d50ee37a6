"""The audit trail, for auditors."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.deps import Auditor, CurrentRuntime
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, PastInstant, cursor_at, position_of
from app.errors import Malformed
from app.ids import public_id
from app.ledger.changes import Document

router = APIRouter(prefix="/v1/admin/audit", tags=["audit"], route_class=StrictRoute)


class AuditEntryView(BaseModel):
    """One act: who did what to what, why, and what that changed. ``hash`` covers the entry and the one before it."""

    id: str
    seq: int
    at: Instant
    by: str
    act: str
    subject: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Document) -> Self:
        names = cls.model_fields.keys() - {"id"}
        return cls(id=public_id(entry["_id"]), **{name: entry[name] for name in names})


@router.get("", responses=problems(Malformed))
async def list_acts(
    caller: Auditor,
    runtime: CurrentRuntime,
    *,
    subject: Annotated[str | None, Query(max_length=80)] = None,
    act: Annotated[str | None, Query(pattern=r"^[a-z]+(\.[a-z_]+){1,2}$", max_length=40)] = None,
    by: Annotated[str | None, Query(max_length=80)] = None,
    since: Annotated[PastInstant | None, Query(alias="from")] = None,
    until: Annotated[PastInstant | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditEntryView]:
    """Every act of the tenant's operators and officers, newest first: all, or those on a subject, of a kind, by
    somebody, ``from`` an instant until just before ``to``.
    """
    asked = {"subject": subject, "act": act, "by": by}
    query: Document = {name: value for name, value in asked.items() if value is not None}
    bounds = {"$gte": since, "$lt": until}
    if within := {name: value for name, value in bounds.items() if value is not None}:
        query["at"] = within
    found = await runtime.audit.entries(caller.book, query, _number(cursor) if cursor else None, limit + 1)
    shown = found[:limit]
    more = cursor_at(str(shown[-1]["seq"])) if len(found) > limit else None
    return Page(items=[AuditEntryView.of(each) for each in shown], next_cursor=more)


def _number(cursor: str) -> int:
    position = position_of(cursor)
    if not (position.isascii() and position.isdigit() and len(position) <= 15):
        raise Malformed("The cursor is not one of ours.")
    return int(position)
