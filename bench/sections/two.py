"""Two processes on one database, each with half of the callers, beside one process with all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from app.ledger.accounts import Account
from bench.context import CALLERS, LOAD, NAIVE_CALLERS, Bench, Plan
from bench.figures import Row, at_least, at_most, ratios, told
from bench.measuring import Sample
from bench.world import BANK, MERCHANT, Draw, customer

SECTION = "two"
CUSTOMERS = 100_000

_EVERYBODY = Draw(CUSTOMERS, shared=BANK.id)
_HALVES = (Draw(CUSTOMERS // 2, 0, 2, BANK.id), Draw(CUSTOMERS // 2, 1, 2, BANK.id))
_HOT = Draw(CUSTOMERS, shared=MERCHANT.id)
_DOORS = 4


def accounts() -> Iterator[Account]:
    """Everybody in this section."""
    yield MERCHANT
    yield from (customer(number) for number in range(CUSTOMERS))


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions * (_DOORS + len(NAIVE_CALLERS))


@dataclass(slots=True)
class _Figures:
    """One figure per repetition each."""

    one: list[float] = field(default_factory=list)
    shared: list[float] = field(default_factory=list)
    owned: list[float] = field(default_factory=list)
    hot: list[float] = field(default_factory=list)
    hot_naive: list[float] = field(default_factory=list)
    longest_s: list[float] = field(default_factory=list)
    refused: int = 0


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    figures = _Figures()
    bench.teller.doing(f"opening {CUSTOMERS:,} accounts")
    with bench.database(accounts) as database:
        for _ in bench.rounds:
            _measure_once(bench, database, figures)
    return _rows(figures)


def _measure_once(bench: Bench, database: str, figures: _Figures) -> None:
    def both(what: str, draws: Sequence[Draw]) -> list[Sample]:
        jobs = [bench.job(database, "door", draw, CALLERS // len(draws)) for draw in draws]
        found = bench.take(what, LOAD, jobs)
        figures.refused += sum(sum(sample.refused.values()) for sample in found)
        return found

    figures.one.append(_sum(both("one process", [_EVERYBODY])))
    figures.shared.append(_sum(both("two processes, everybody's customers", [_EVERYBODY, _EVERYBODY])))
    figures.owned.append(_sum(both("two processes, each its own customers", _HALVES)))
    hot = both("two processes, one hot customer", [_HOT, _HOT])
    figures.hot.append(_sum(hot))
    figures.longest_s.append(max(sample.longest_s for sample in hot))
    figures.hot_naive.append(bench.post_naively("naive, two processes, one hot customer", database, [_HOT, _HOT]))


def _sum(samples: Sequence[Sample]) -> float:
    return sum(sample.per_s for sample in samples)


def _rows(figures: _Figures) -> list[Row]:
    refused = f"{figures.refused} refused in all four" if figures.refused else ""
    return [
        _ratio("two processes, shared system account, vs one", figures.shared, figures.one, 1.0),
        _ratio("the same, each with its own customers, vs one", figures.owned, figures.one, 1.4),
        _ratio("one customer account hot from two, vs naive", figures.hot, figures.hot_naive, 3.0),
        Row(SECTION, "longest wait of a caller there", "s", tuple(figures.longest_s), at_most(2.0), refused),
    ]


def _ratio(measure: str, figures: list[float], references: list[float], goal: float) -> Row:
    detail = f"{told(median(figures), '/s')} vs {told(median(references), '/s')}"
    return Row(SECTION, measure, "×", ratios(figures, references), at_least(goal), detail)
