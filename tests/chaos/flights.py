"""Which sagas are under way, and which of them rest until something that was given up is tried anew."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

_UNDER_WAY = ["running", "waiting", "compensating"]
_LONG = timedelta(minutes=5)


def in_flight(now: datetime) -> dict[str, Any]:
    """A query for what is under way and not at rest."""
    resting = {"generations": {"$ne": {}}, "wake_at": {"$gt": now + _LONG}}
    return {"status": {"$in": _UNDER_WAY}, "$nor": [resting]}


def rests(saga: Mapping[str, Any], now: datetime) -> bool:
    """Whether its undoing was given up for now, and begins anew at a time that it names."""
    return saga["status"] in _UNDER_WAY and bool(saga["generations"]) and saga["wake_at"] > now + _LONG
