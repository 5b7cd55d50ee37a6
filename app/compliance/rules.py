"""Rules that see patterns in what customers move. Data in, findings out; pure.

    structuring      several payments, each just below an amount: ``count`` of at least ``share_pct`` % of it
    rapid-in-out     at least an amount came in, and ``share_pct`` % of it has gone out
    new-device       at least an amount went out from a device that was first seen within the window
    velocity-spike   at least an amount went out, and ``share_pct`` % of what a usual window sees

Amounts are in minor units of the reference currency. A rule finds a customer once in each of its windows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

Kind = Literal["structuring", "rapid-in-out", "new-device", "velocity-spike"]

USUAL_WINDOWS = 7
"""As many windows before the present one say what is usual."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What a transaction moved into a customer's accounts, or, below zero, out of them."""

    transaction_id: str
    user_id: str
    at: datetime
    value: int
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as configured. ``freezes``: it also freezes whom it finds."""

    name: str
    kind: Kind
    within: timedelta
    amount: int
    count: int = 1
    share_pct: int = 100
    freezes: bool = False

    @property
    def look_back(self) -> timedelta:
        """How much of the past it needs."""
        return self.within * (USUAL_WINDOWS + 1) if self.kind == "velocity-spike" else self.within

    def window_of(self, at: datetime) -> int:
        """The number of the window that the moment is in."""
        return int(at.timestamp() // self.within.total_seconds())

    def finds(self, now: Movement, past: Sequence[Movement], first_seen: Mapping[str, datetime]) -> bool:
        """Whether the movement completes the pattern. ``past``: the customer's movements before it, as far as the rule
        looks back; ``first_seen``: when each of their devices was.
        """
        return _FINDERS[self.kind](self, now, past, first_seen)


def _structuring(rule: Rule, now: Movement, past: Sequence[Movement], _seen: Mapping[str, datetime]) -> bool:
    floor = rule.amount * rule.share_pct
    below = [each for each in (*_recent(rule, now, past), now) if floor <= -each.value * 100 < rule.amount * 100]
    return now in below and len(below) >= rule.count


def _rapid_in_out(rule: Rule, now: Movement, past: Sequence[Movement], _seen: Mapping[str, datetime]) -> bool:
    recent = (*_recent(rule, now, past), now)
    came = sum(each.value for each in recent if each.value > 0)
    went = -sum(each.value for each in recent if each.value < 0)
    return now.value < 0 and came >= rule.amount and went * 100 >= came * rule.share_pct


def _new_device(rule: Rule, now: Movement, _past: Sequence[Movement], seen: Mapping[str, datetime]) -> bool:
    if now.device is None or -now.value < rule.amount:
        return False
    return seen.get(now.device, now.at) > now.at - rule.within


def _velocity_spike(rule: Rule, now: Movement, past: Sequence[Movement], _seen: Mapping[str, datetime]) -> bool:
    went = -sum(each.value for each in (*_recent(rule, now, past), now) if each.value < 0)
    begin = now.at - rule.within
    before = -sum(each.value for each in past if each.value < 0 and each.at <= begin)
    return now.value < 0 and went >= rule.amount and went * 100 * USUAL_WINDOWS >= before * rule.share_pct


def _recent(rule: Rule, now: Movement, past: Sequence[Movement]) -> list[Movement]:
    return [each for each in past if each.at > now.at - rule.within]


_FINDERS: Mapping[Kind, Callable[[Rule, Movement, Sequence[Movement], Mapping[str, datetime]], bool]] = (
    MappingProxyType(
        {
            "structuring": _structuring,
            "rapid-in-out": _rapid_in_out,
            "new-device": _new_device,
            "velocity-spike": _velocity_spike,
        }
    )
)
