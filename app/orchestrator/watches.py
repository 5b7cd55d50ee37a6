"""What may still happen to something that counts as settled, and until when. Pure.

A saga ends when the outside world has done its part, but settled is not final: a pull can be returned for weeks, a
block can be replaced. A watch is written in the commit that settles, and outlives the saga. Webhooks find it by its
``ref``; it is also looked after by itself, rarely, so that a lost webhook costs latency and never money.

    open ──window over──► expired
      └──┴──something happened, and was booked──► tripped
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.ids import book_of, derived_id, stored_id
from app.ledger.changes import ABSENT, Companion, Document

WATCHES = "watches"

_LOOKS_PER_WINDOW_MAX = 64


class WatchStatus(StrEnum):
    """Where a watch stands. An expired one is no longer looked after; news about its object still trips it."""

    OPEN = "open"
    EXPIRED = "expired"
    TRIPPED = "tripped"


@dataclass(frozen=True, slots=True)
class Watch:
    """What a step wants watched when it settles.

    ``kind`` says how to look and what to do (flows/recovery.py), ``ref`` names the object as webhooks do
    (``unit:payment:50``), ``facts`` are what a recovery has to know: plain texts, amounts as ``"100.00 USD"``.
    """

    kind: str
    ref: str
    until: datetime
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WatchRecord:
    """A watch as stored. ``look_at`` is when to look without having heard anything; None: not any more."""

    id: str
    saga_id: str
    user_id: str
    step: str
    kind: str
    ref: str
    until: datetime
    facts: Mapping[str, str]
    status: WatchStatus
    created_at: datetime
    look_at: datetime | None
    version: int

    @property
    def object_id(self) -> str:
        """The provider's own id of what is watched."""
        return self.ref.rpartition(":")[2]


def watch_id(saga_id: str, step: str, ref: str) -> str:
    """The id of a step's watch on an object."""
    return stored_id(book_of(saga_id), derived_id("wch", saga_id, step, ref))


def watch_companion(saga_id: str, user_id: str, step: str, watch: Watch, now: datetime) -> Companion:
    """The companion that begins a watch, for the commit that settles the step."""
    document: Document = {
        "saga_id": saga_id,
        "user_id": user_id,
        "step": step,
        "kind": watch.kind,
        "ref": watch.ref,
        "until": watch.until,
        "facts": dict(watch.facts),
        "status": WatchStatus.OPEN.value,
        "created_at": now,
        "look_at": next_look(now, watch.until, now),
        "version": 1,
    }
    return Companion(WATCHES, watch_id(saga_id, step, watch.ref), ABSENT, document)


def watch_from(document: Document) -> WatchRecord:
    """A watch as read."""
    names = WatchRecord.__dataclass_fields__.keys() - {"id", "status"}
    fields: dict[str, Any] = {name: document[name] for name in names}
    return WatchRecord(id=document["_id"], status=WatchStatus(document["status"]), **fields)


def watched_until(watches: Iterable[WatchRecord]) -> datetime | None:
    """Until when something may still happen to what these watch; None: nothing is watched any more."""
    return max((each.until for each in watches if each.status is WatchStatus.OPEN), default=None)


def next_look(created_at: datetime, until: datetime, now: datetime) -> datetime | None:
    """When to look again: as long again as it has been watched, and a last time when the window is over.

    A window of 64 days is looked at after 1, 2, 4, 8, 16, 32 and 64 days.
    """
    if now >= until:
        return None
    return min(now + max(now - created_at, (until - created_at) // _LOOKS_PER_WINDOW_MAX), until)


def looked(watch: WatchRecord, now: datetime) -> Companion:
    """The companion that notes a look at which nothing had happened; after the last one the watch is over."""
    look_at = next_look(watch.created_at, watch.until, now)
    status = WatchStatus.OPEN if look_at else WatchStatus.EXPIRED
    return _moved(watch, status, look_at)


def tripped(watch: WatchRecord) -> Companion:
    """The companion of whoever books what happened: of two who would, one finds the watch changed."""
    return _moved(watch, WatchStatus.TRIPPED, None)


def _moved(watch: WatchRecord, status: WatchStatus, look_at: datetime | None) -> Companion:
    document: Document = {"status": status.value, "look_at": look_at, "version": watch.version + 1}
    return Companion(WATCHES, watch.id, {"version": watch.version}, document)
