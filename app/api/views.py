"""What answers are made of: instants as RFC 3339, lists with a cursor, public ids, amounts in major units."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, PlainSerializer, WithJsonSchema

from app.clock import from_rfc3339, rfc3339
from app.errors import Malformed
from app.ledger.feed_store import Place
from app.money import Money, asset
from app.orchestrator.lifecycle import ENDS, PARKED
from app.orchestrator.store import CLAIMABLE
from app.plumbing.decimals import from_decimal128

T = TypeVar("T")
D = TypeVar("D")

Instant = Annotated[
    datetime, PlainSerializer(rfc3339, when_used="json"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time in UTC with milliseconds."""

_IN_FLIGHT_S = 30
"""A commit takes its time from its batch; after this long none of that instant can still be on its way."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it must lie between the years 1 and 9999 in UTC") from None


def _written_out(given: object) -> object:
    """A bare number would be read as seconds since 1970."""
    if not isinstance(given, str) or _RFC3339.match(given) is None:
        raise ValueError("it must be an instant as in 2026-11-20T05:00:00Z")
    return given


_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}", re.ASCII)
PastInstant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""An instant asked for, as RFC 3339 with its offset."""

SagaStatus = Annotated[str, WithJsonSchema({"type": "string", "enum": [*CLAIMABLE, PARKED, *ENDS]})]
"""Where a saga stands, in callers' words."""

Limit = Annotated[int, Query(ge=1, le=200)]
"""How many items a page holds at most."""

Cursor = Annotated[str | None, Query(max_length=300)]
"""Where a page begins: ``next_cursor`` of the page before."""


class Page(BaseModel, Generic[T]):
    """One page of a list; ``next_cursor`` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


def is_settled(instant: datetime, now: datetime) -> bool:
    """Whether what was true at that instant can no longer change, because no commit of it may be on its way."""
    return (now - instant).total_seconds() > _IN_FLIGHT_S


def cursor_at(position: str) -> str:
    """An opaque cursor for a position in a list."""
    return urlsafe_b64encode(position.encode()).decode().rstrip("=")


def position_of(cursor: str) -> str:
    """The position a cursor stands for. Raises Malformed."""
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, UnicodeDecodeError):
        raise Malformed("The cursor is not one of ours.") from None


def cursor_of(at: datetime, stored: str) -> str:
    """The cursor that stands for a place in a list ordered by time, and within a moment by id."""
    return cursor_at(f"{rfc3339(at)} {stored}")


def place_of(cursor: str) -> Place:
    """The place that ``cursor_of`` made a cursor of. Raises Malformed."""
    at, _, stored = position_of(cursor).partition(" ")
    try:
        return Place(from_rfc3339(at), stored)
    except ValueError:
        raise Malformed("The cursor is not one of ours.") from None


def paged(
    found: Sequence[D], limit: int, show: Callable[[D], T], place: Callable[[D], tuple[datetime, str]]
) -> Page[T]:
    """A page of what was found, of which one more than ``limit`` was asked for; ``place`` is where an item stands."""
    more = cursor_of(*place(found[limit - 1])) if len(found) > limit else None
    return Page(items=[show(each) for each in found[:limit]], next_cursor=more)


def stored_money(document: dict[str, Any], field: str, currency: str = "currency") -> Money:
    """A stored amount with the currency beside it."""
    return Money(from_decimal128(document[field]), asset(document[currency]))
