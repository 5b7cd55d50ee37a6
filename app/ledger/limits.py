"""How much and how often somebody may pay in an hour, a day, a month. Pure; evaluated inside the commit.

Periods are those of the calendar in UTC, so it can be said when a limit resets. What was used is kept per user, rail
and currency in one companion, which every payment under a limit writes: two can never both use the last of it.
Counting begins when the first limit of a rail is configured. What is reversed or refunded later stays counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from app.clock import rfc3339
from app.errors import LimitExceeded
from app.ids import derived_id, stored_id
from app.money import Money
from app.plumbing.decimals import from_decimal128, to_decimal128

LIMIT_WINDOWS = "limit_windows"


class Period(StrEnum):
    """The time over which payments add up."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    def begin(self, at: datetime) -> datetime:
        """When the period that ``at`` is in began."""
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self is Period.HOUR:
            return hour
        day = hour.replace(hour=0)
        return day if self is Period.DAY else day.replace(day=1)

    def end(self, at: datetime) -> datetime:
        """When it is over, and the limit resets."""
        begin = self.begin(at)
        if self is Period.MONTH:
            return (begin + timedelta(days=32)).replace(day=1)
        return begin + (timedelta(hours=1) if self is Period.HOUR else timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Limit:
    """At most that amount, or that many payments, or both, of one rail and currency in one period."""

    rail: str
    period: Period
    currency: str
    amount_max: Money | None = None
    count_max: int | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """What a change pays on a rail, and the limits that this meets: those of its rail and currency."""

    user_id: str
    rail: str
    amount: Money
    limits: tuple[Limit, ...]

    @classmethod
    def of(cls, user_id: str, rail: str, amount: Money, limits: Iterable[Limit]) -> "tuple[Spending, ...]":
        """What that payment spends, if any of these limits is about it."""
        met = tuple(limit for limit in limits if (limit.rail, limit.currency) == (rail, amount.asset.code))
        return (cls(user_id, rail, amount, met),) if met else ()

    def window_id(self, book: str) -> str:
        """The stored id of what this user used of this rail in this currency."""
        return stored_id(book, derived_id("lim", self.user_id, self.rail, self.amount.asset.code))


def spend(spending: Spending, used: Mapping[str, Any] | None, at: datetime) -> dict[str, Any]:
    """What is used afterwards, in every period. Raises LimitExceeded for the first limit that does not allow it."""
    currency = spending.amount.asset.code
    windows = {period: _window(used, period, at) for period in Period}
    for limit in spending.limits:
        _require_room(limit, spending, windows[limit.period], at)
    return {
        "user_id": spending.user_id,
        "rail": spending.rail,
        "currency": currency,
        "windows": {
            period.value: {
                "began_at": period.begin(at),
                "amount": to_decimal128(amount + spending.amount.minor),
                "count": count + 1,
            }
            for period, (amount, count) in windows.items()
        },
        "version": (used["version"] if used else 0) + 1,
    }


def _window(used: Mapping[str, Any] | None, period: Period, at: datetime) -> tuple[int, int]:
    """Amount and count of the period that ``at`` is in; an earlier period's are over."""
    stored = used["windows"][period.value] if used else None
    if stored is None or stored["began_at"] != period.begin(at):
        return 0, 0
    return from_decimal128(stored["amount"]), stored["count"]


def _require_room(limit: Limit, spending: Spending, window: tuple[int, int], at: datetime) -> None:
    amount, count = window
    asset = spending.amount.asset
    resets_at = rfc3339(limit.period.end(at))
    if limit.amount_max is not None and amount + spending.amount.minor > limit.amount_max.minor:
        raise LimitExceeded(
            f"{limit.rail} amount per {limit.period}",
            bound=str(limit.amount_max),
            used=str(Money(amount, asset)),
            currency=asset.code,
            resets_at=resets_at,
        )
    if limit.count_max is not None and count + 1 > limit.count_max:
        raise LimitExceeded(
            f"{limit.rail} count per {limit.period}",
            bound=str(limit.count_max),
            used=str(count),
            currency=asset.code,
            resets_at=resets_at,
        )
