"""Time as a parameter: whoever needs the hour is handed a Clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the current time comes from."""

    def now(self) -> datetime:
        """The current time in UTC, in whole milliseconds (what MongoDB stores)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return whole_milliseconds(datetime.now(UTC))


class ManualClock:
    """A clock that stands still until it is moved: 120 days of returns take no time at all."""

    def __init__(self, start: datetime) -> None:
        self._now = whole_milliseconds(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by that many seconds, never back."""
        if seconds < 0:
            raise ValueError("a clock never runs backwards")
        self._now = whole_milliseconds(self._now + timedelta(seconds=seconds))


def whole_milliseconds(moment: datetime) -> datetime:
    """The moment cut down to the milliseconds that MongoDB keeps, so that what is read equals what was written."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """The moment as RFC 3339 in UTC with milliseconds, as in ``2026-11-20T05:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """The moment that ``rfc3339`` wrote. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
