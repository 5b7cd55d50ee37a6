"""The door: grouped commits beside one transaction per transfer, and beside no rules at all."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from app.ledger.accounts import Account
from bench.context import NAIVE_CALLERS, Bench, Plan
from bench.figures import Row, at_least, at_most, ratios, told
from bench.measuring import Sample
from bench.world import MERCHANT, Draw, customer

SECTION = "door"
CUSTOMERS = 2_000

_UNIFORM = Draw(CUSTOMERS)
_SHARED = Draw(CUSTOMERS, shared=MERCHANT.id)
_DOOR_AND_RAW_AND_LONE = 6


def accounts() -> Iterator[Account]:
    """Everybody in this section."""
    yield MERCHANT
    yield from (customer(number) for number in range(CUSTOMERS))


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions * (_DOOR_AND_RAW_AND_LONE + 2 * len(NAIVE_CALLERS))


@dataclass(slots=True)
class _Figures:
    """One figure per repetition each; posts a second, but for the lone callers' milliseconds."""

    uniform: list[Sample] = field(default_factory=list)
    shared: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    naive_shared: list[float] = field(default_factory=list)
    raw_inside: list[float] = field(default_factory=list)
    raw_outside: list[float] = field(default_factory=list)
    lone: list[float] = field(default_factory=list)
    naive_lone: list[float] = field(default_factory=list)


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    figures = _Figures()
    for _ in bench.rounds:
        _measure_once(bench, figures)
    return _rows(figures)


def _measure_once(bench: Bench, figures: _Figures) -> None:
    def fresh(what: str, way: str, draw: Draw, callers: int = 128) -> Sample:
        with bench.database(accounts) as database:
            return bench.post(what, database, way, draw, callers)

    def fresh_naively(what: str, draw: Draw) -> float:
        with bench.database(accounts) as database:
            return bench.post_naively(what, database, [draw])

    uniform = fresh("door, uniform", "door", _UNIFORM)
    batch = _batch_size(uniform)
    figures.uniform.append(uniform)
    figures.naive.append(fresh_naively("naive, uniform", _UNIFORM))
    figures.shared.append(fresh("door, shared account", "door", _SHARED).per_s)
    figures.naive_shared.append(fresh_naively("naive, shared account", _SHARED))
    figures.raw_inside.append(fresh(f"raw, {batch} a transaction", "raw-inside", _UNIFORM, batch).per_s)
    figures.raw_outside.append(fresh(f"raw, {batch} a batch", "raw-outside", _UNIFORM, batch).per_s)
    figures.lone.append(fresh("door, lone caller", "door", _UNIFORM, 1).p50_ms)
    figures.naive_lone.append(fresh("naive, lone caller", "naive", _UNIFORM, 1).p50_ms)


def _rows(figures: _Figures) -> list[Row]:
    posted = [sample.per_s for sample in figures.uniform]
    size = median(_batch_size(sample) for sample in figures.uniform)
    cpu = ", ".join(
        f"{name} {median(sample.cpu.get(name, 0) for sample in figures.uniform):.0%}" for name in figures.uniform[0].cpu
    )
    fallen = told(median(ratios(figures.naive_shared, figures.naive)), "×")
    return [
        _ratio("128 callers, uniform accounts, vs naive", posted, figures.naive, 9, f"{size:.0f} a commit; CPU: {cpu}"),
        _ratio("one shared account in every transfer, vs uniform", figures.shared, posted, 1.05, ""),
        Row(
            SECTION,
            "the same, vs naive",
            "×",
            ratios(figures.shared, figures.naive_shared),
            detail=f"{_told(figures.naive_shared)}: naive falls to {fallen} of its uniform rate",
        ),
        _ratio("vs raw, inside one transaction per batch", posted, figures.raw_inside, 0.55, ""),
        _ratio("vs raw, outside any transaction", posted, figures.raw_outside, 0.75, ""),
        Row(
            SECTION,
            "lone caller's p50, vs naive",
            "×",
            ratios(figures.lone, figures.naive_lone),
            at_most(1.1),
            f"{told(median(figures.lone), 'ms')} vs {told(median(figures.naive_lone), 'ms')}",
        ),
    ]


def _batch_size(sample: Sample) -> int:
    return max(1, round(sample.per_s / sample.commits_per_s)) if sample.commits_per_s else 1


def _ratio(measure: str, figures: list[float], references: list[float], goal: float, detail: str) -> Row:
    compared = f"{_told(figures)} vs {_told(references)}"
    return Row(
        SECTION, measure, "×", ratios(figures, references), at_least(goal), "; ".join(filter(None, [compared, detail]))
    )


def _told(figures: list[float]) -> str:
    return told(median(figures), "/s")
