"""One notification on its way to one endpoint, and when to try again. Pure.

pending ──2xx──► delivered
   │ ▲
   └─┴── anything else: later, at most ten times in about three days ──► failed
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from app.ids import book_of, derived_id, stored_id
from app.outbox.notifications import KEPT

DELIVERIES = "deliveries"

Document = dict[str, Any]

PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""At least, after each failed attempt but the last; the schedule that Standard Webhooks recommend."""

ATTEMPTS_MAX = len(PAUSES_S) + 1

_JITTER = 0.2
"""Longer, never shorter: so the last attempt comes when its endpoint has failed for long enough to be disabled."""

_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as claimed: ``attempts`` counts the one that the claim is for, ``fence`` its holder."""

    id: str
    endpoint_id: str
    notification_id: str
    attempts: int
    fence: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try: the receiver's status, or 0 and why there is none."""

    status: int
    reason: str
    duration_ms: int

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def unwanted(self) -> bool:
        """410 Gone: the receiver asks that nothing be sent there any more."""
        return self.status == 410


def delivery_id(notification_id: str, endpoint_id: str) -> str:
    """There is one delivery of one notification to one endpoint."""
    return stored_id(book_of(endpoint_id), derived_id("dlv", notification_id, endpoint_id))


def delivery_document(notification_id: str, kind: str, endpoint_id: str, at: datetime) -> Document:
    """A new delivery, due at once, without its id."""
    return {
        "endpoint_id": endpoint_id,
        "notification_id": notification_id,
        "type": kind,
        "status": "pending",
        "attempts": 0,
        "due_at": at,
        "created_at": at,
        "expires_at": at + KEPT,
        "lease_until": _LONG_AGO,
        "fence": 0,
        "history": [],
        "version": 1,
    }


def delivery_from(document: Document) -> Delivery:
    """A delivery as claimed."""
    return Delivery(
        id=document["_id"],
        endpoint_id=document["endpoint_id"],
        notification_id=document["notification_id"],
        attempts=document["attempts"],
        fence=document["fence"],
    )


def after_attempt(delivery: Delivery, attempt: Attempt, now: datetime, random: Random) -> Document:
    """The fields that an attempt leaves behind; the lease is given back."""
    settled: Document = {"lease_until": _LONG_AGO}
    if attempt.succeeded:
        return {**settled, "status": "delivered"}
    if delivery.attempts >= ATTEMPTS_MAX:
        return {**settled, "status": "failed"}
    pause_s = PAUSES_S[delivery.attempts - 1] * random.uniform(1, 1 + _JITTER)
    return {**settled, "due_at": now + timedelta(seconds=pause_s)}


def history_entry(attempt: Attempt, number: int, at: datetime) -> Document:
    """An attempt as the delivery log keeps it."""
    return {
        "attempt": number,
        "at": at,
        "status": attempt.status or None,
        "reason": attempt.reason,
        "duration_ms": attempt.duration_ms,
    }
