"""Medians, ratios and goals. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a figure: what it must reach, or must not exceed."""

    bound: float
    at_least: bool = True

    def is_met_by(self, value: float) -> bool:
        """Whether the value is on the right side of the bound, or on it."""
        return value >= self.bound if self.at_least else value <= self.bound

    def told(self, unit: str) -> str:
        """The goal as the table shows it, as in "≥ 9 ms"."""
        return f"{'≥' if self.at_least else '≤'} {told(self.bound, unit)}"


def at_least(bound: float) -> Goal:
    """A goal from below."""
    return Goal(bound)


def at_most(bound: float) -> Goal:
    """A goal from above."""
    return Goal(bound, at_least=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``values`` holds one figure per repetition; none: it could not be measured, see detail."""

    section: str
    measure: str
    unit: str
    values: tuple[float, ...] = ()
    goal: Goal | None = None
    detail: str = ""

    @property
    def value(self) -> float | None:
        """The median of the repetitions."""
        return median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """``pass``, ``miss``, or nothing where there is no goal or no figure."""
        if self.goal is None or self.value is None:
            return ""
        return "pass" if self.goal.is_met_by(self.value) else "miss"

    @property
    def spread(self) -> str:
        """The least and the greatest figure, where there are several."""
        if len(self.values) < 2:
            return ""
        return f"{told(min(self.values), self.unit)} to {told(max(self.values), self.unit)}"


def ratios(figures: Sequence[float], references: Sequence[float]) -> tuple[float, ...]:
    """Figure by reference, repetition by repetition: what slows the machine for a while slows both sides of a pair."""
    return tuple(figure / reference for figure, reference in zip(figures, references, strict=True) if reference)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the ordered values that at least so many percent do not exceed; 0 of nothing."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


def told(value: float, unit: str) -> str:
    """A figure for people: three significant digits, or whole numbers with separators, then the unit."""
    if abs(value) >= 100 or value == int(value):
        number = f"{value:,.0f}"
    else:
        number = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{number}{unit}" if unit in {"×", "/s", ""} else f"{number} {unit}"
