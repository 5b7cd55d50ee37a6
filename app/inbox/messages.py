"""An event in the inbox, as a document, and what it becomes. Pure: whoever applies the event writes the next form.

received ──finished──► done
   │ ▲
   └─┴──postponed──► received, later … after the last attempt: parked, for people to look at

done or parked ──replayed──► received, once a person has said so
"""

from datetime import datetime, timedelta
from typing import Any, Protocol

ATTEMPTS_MAX = 50
"""About forty minutes: long enough for a saga to learn the id that an early event speaks of."""

_FIRST_PAUSE_S = 0.2
_PAUSE_S_MAX = 60.0

Document = dict[str, Any]


class Event(Protocol):
    """A verified event, whatever vendor it comes from; ``event_id`` is unique per provider."""

    @property
    def provider(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def refs(self) -> tuple[str, ...]: ...
    @property
    def payload(self) -> dict[str, Any]: ...


def received(event: Event, at: datetime) -> Document:
    """The document of a new event, due at once. Its id is the event's, so the same event twice is one document."""
    return {
        "_id": f"{event.provider}:{event.event_id}",
        "provider": event.provider,
        "event_id": event.event_id,
        "type": event.type,
        "refs": list(event.refs),
        "payload": event.payload,
        "status": "received",
        "attempts": 0,
        "due_at": at,
        "received_at": at,
        "settled_at": None,
        "version": 1,
    }


def finished(document: Document, at: datetime) -> Document:
    """The document once its event has been applied, or was found to concern nobody."""
    return {**document, "status": "done", "settled_at": at, "version": document["version"] + 1}


def replayed(document: Document, at: datetime) -> Document:
    """The document put back by a person: due at once, with all of its attempts before it."""
    again = {"status": "received", "attempts": 0, "due_at": at, "settled_at": None}
    return {**document, **again, "version": document["version"] + 1}


def postponed(document: Document, at: datetime, attempts_max: int = ATTEMPTS_MAX) -> Document:
    """The document after an attempt that came too early: due later each time, and parked after the last."""
    attempts = document["attempts"] + 1
    again = {**document, "attempts": attempts, "version": document["version"] + 1}
    if attempts >= attempts_max:
        return {**again, "status": "parked", "settled_at": at}
    return {**again, "due_at": at + pause_after(attempts)}


def pause_after(attempts: int) -> timedelta:
    """How long to wait after that many attempts: doubling from 0.2 s, at most a minute."""
    doublings = min(attempts - 1, 16)  # beyond that only the bound counts
    return timedelta(seconds=min(_FIRST_PAUSE_S * 2**doublings, _PAUSE_S_MAX))
