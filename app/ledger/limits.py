"""How much and how often somebody may pay at once, in an hour, a day, a month. Pure; evaluated inside the commit.

There are two kinds. Limits on a currency are everybody's. Limits of a level are those of the owner's level, in one
reference currency, whatever is paid: the level is read in the commit, and the value comes from configured prices.

Periods are those of the calendar in UTC, so it can be said when a limit resets. What was used is kept per user, rail
and kind in one companion, which every payment under a limit writes: two can never both use the last of it.
Counting begins when the first limit of a rail is configured. What is reversed or refunded later stays counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from app.clock import rfc3339
from app.errors import LimitExceeded
from app.ids import derived_id, stored_id
from app.money import Asset, Money
from app.plumbing.decimals import from_decimal128, to_decimal128

LIMIT_WINDOWS = "limit_windows"

STANDARD = "standard"
"""The level of whoever nobody has given another."""


class Period(StrEnum):
    """The time over which payments add up; a single transaction stands for itself."""

    TRANSACTION = "transaction"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    def begin(self, at: datetime) -> datetime:
        """When the period that ``at`` is in began."""
        if self is Period.TRANSACTION:
            return at
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self is Period.HOUR:
            return hour
        day = hour.replace(hour=0)
        return day if self is Period.DAY else day.replace(day=1)

    def end(self, at: datetime) -> datetime:
        """When it is over, and the limit resets."""
        begin = self.begin(at)
        if self is Period.TRANSACTION:
            return begin
        if self is Period.MONTH:
            return (begin + timedelta(days=32)).replace(day=1)
        return begin + (timedelta(hours=1) if self is Period.HOUR else timedelta(days=1))


_COUNTED = (Period.HOUR, Period.DAY, Period.MONTH)
"""The periods of which something is kept."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most that amount, or that many payments, or both, of one rail and currency in one period."""

    rail: str
    period: Period
    currency: str
    amount_max: Money | None = None
    count_max: int | None = None


@dataclass(frozen=True, slots=True)
class ReferencePrices:
    """What amounts are worth in the currency that levels are measured in.

    ``prices``: of one whole unit of each asset, by code; the reference currency itself needs none.
    """

    currency: Asset
    prices: Mapping[str, Fraction]

    def value(self, amount: Money) -> Money:
        """The amount in the reference currency, rounded up. Raises KeyError for an asset without a price."""
        if amount.asset == self.currency:
            return amount
        exact = Fraction(amount.minor, amount.asset.one) * self.prices[amount.asset.code] * self.currency.one
        return Money(-(-exact.numerator // exact.denominator), self.currency)


@dataclass(frozen=True, slots=True)
class Threshold:
    """More than ``above``, in the reference currency, and something is different; None: nothing is."""

    above: Money | None
    reference: ReferencePrices

    def is_passed_by(self, amount: Money) -> bool:
        """Whether it is more. An amount in an asset that has no price is more than anything."""
        if self.above is None:
            return False
        try:
            return self.reference.value(amount).minor > self.above.minor
        except KeyError:
            return True


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit that is configured. ``levels``: per level its limits, all in the reference currency; where there are
    any, STANDARD is one of them. ``screening``: what leaves the house above it is checked first.
    """

    by_currency: tuple[Limit, ...] = ()
    levels: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    reference: ReferencePrices | None = None
    screening: Threshold | None = None

    def needs_screening(self, amount: Money) -> bool:
        """Whether a payment of that much is checked before it leaves."""
        return self.screening is not None and self.screening.is_passed_by(amount)

    def on(self, rail: str) -> Mapping[str, tuple[Limit, ...]]:
        """What each level may on that rail; nothing where no level is limited on it."""
        met = {level: tuple(each for each in limits if each.rail == rail) for level, limits in self.levels.items()}
        return met if any(met.values()) else {}


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Spending:
    """What a change pays on a rail, and the limits that this meets: those on its currency, or those of a level.

    Of a level, ``amount`` is in the reference currency, and ``by_level`` has the limits of every level.
    """

    user_id: str
    rail: str
    amount: Money
    limits: tuple[Limit, ...] = ()
    by_level: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, user_id: str, rail: str, amount: Money, limits: Limits) -> "tuple[Spending, ...]":
        """What that payment spends of these limits; nothing where none is about it."""
        spent: list[Spending] = []
        met = tuple(each for each in limits.by_currency if (each.rail, each.currency) == (rail, amount.asset.code))
        if met:
            spent.append(cls(user_id, rail, amount, met))
        if limits.reference is not None and (by_level := limits.on(rail)):
            spent.append(cls(user_id, rail, limits.reference.value(amount), by_level=by_level))
        return tuple(spent)

    def owner_id(self, book: str) -> str:
        """The stored id of what is known of whoever pays."""
        return stored_id(book, self.user_id)

    def window_id(self, book: str) -> str:
        """The stored id of what this user used of this rail, in this currency or at their level."""
        kind = ("level",) if self.by_level else ()
        return stored_id(book, derived_id("lim", self.user_id, self.rail, self.amount.asset.code, *kind))

    def limits_at(self, level: str) -> tuple[Limit, ...]:
        """The limits that somebody of that level meets; a level that is not configured any more is the standard one."""
        return (*self.limits, *(self.by_level.get(level) or self.by_level.get(STANDARD, ())))


def spend(spending: Spending, used: Mapping[str, Any] | None, at: datetime, level: str = STANDARD) -> dict[str, Any]:
    """What is used afterwards, in every period. Raises LimitExceeded for the first limit that does not allow it."""
    currency = spending.amount.asset.code
    windows = {period: _window(used, period, at) for period in _COUNTED}
    for limit in spending.limits_at(level):
        _require_room(limit, spending, windows.get(limit.period, (0, 0)), at)
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
    resets_at = None if limit.period is Period.TRANSACTION else rfc3339(limit.period.end(at))
    if limit.amount_max is not None and amount + spending.amount.minor > limit.amount_max.minor:
        raise LimitExceeded(
            "amount",
            rail=limit.rail,
            period=limit.period.value,
            bound=str(limit.amount_max),
            used=str(Money(amount, asset)),
            left=str(Money(max(0, limit.amount_max.minor - amount), asset)),
            currency=asset.code,
            resets_at=resets_at,
        )
    if limit.count_max is not None and count + 1 > limit.count_max:
        raise LimitExceeded(
            "count",
            rail=limit.rail,
            period=limit.period.value,
            bound=str(limit.count_max),
            used=str(count),
            left=str(max(0, limit.count_max - count)),
            currency=asset.code,
            resets_at=resets_at,
        )
