"""An explicit-state search: every state that can be reached, breadth first, so the first trace found is a shortest one.

Two things are asked of every state: that no claim is broken in it, and that an end can still be reached from it.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

STATES_MAX = 2_000_000

Moves = Iterable[tuple[str, S]]


@dataclass(frozen=True, slots=True)
class Problem(Generic[S]):
    """What is searched. ``broken`` names a claim that does not hold; ``ended`` names the end that a state is.

    ``key`` maps states onto one another that only differ in names; ``shown`` describes a state for a reader.
    """

    start: S
    moves: Callable[[S], Moves[S]]
    broken: Callable[[S], str | None]
    ended: Callable[[S], str | None]
    key: Callable[[S], Hashable]
    shown: Callable[[S], str]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A claim that does not hold, and a shortest way to where it does not: one line for each move."""

    claim: str
    lines: tuple[str, ...]

    @property
    def moves(self) -> int:
        return len(self.lines) - 1

    def __str__(self) -> str:
        return "\n".join((*self.lines, f"broken: {self.claim}"))


@dataclass(frozen=True, slots=True)
class Explored:
    """Everything was seen, and every claim held."""

    states: int
    moves: int
    depth: int
    ends: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        ends = ", ".join(f"{name} {count:,}" for name, count in sorted(self.ends.items()))
        return f"{self.states:,} states, {self.moves:,} moves, depth {self.depth}; ends: {ends}"


class Search(Generic[S]):
    """One search, from the start to the last state."""

    def __init__(self, problem: Problem[S]) -> None:
        self._problem = problem
        self._states = [problem.start]
        self._numbers = {problem.key(problem.start): 0}
        self._came = [(-1, "")]
        self._sources, self._targets = array("l"), array("l")
        self._depths = array("l", [0])
        self._ended: list[int] = []
        self._ends: Counter[str] = Counter()

    def run(self) -> Explored | Counterexample:
        """See every state, or the first that breaks a claim."""
        number = 0
        while number < len(self._states):
            claim = self._visit(number)
            if claim is not None:
                return self._counterexample(number, claim)
            number += 1
        stuck = self._find_stuck()
        if stuck is not None:
            return self._counterexample(stuck, "never stuck: from here no end can be reached any more")
        return Explored(len(self._states), len(self._targets), self._depths[-1], dict(self._ends))

    def _visit(self, number: int) -> str | None:
        problem, state = self._problem, self._states[number]
        claim = problem.broken(state)
        if claim is not None:
            return claim
        end = problem.ended(state)
        if end is not None:
            self._ended.append(number)
            self._ends[end] += 1
        for label, after in problem.moves(state):
            self._sources.append(number)
            self._targets.append(self._number(after, number, label))
        return None

    def _number(self, state: S, source: int, label: str) -> int:
        key = self._problem.key(state)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._states)
            if number >= STATES_MAX:
                raise OverflowError(f"more than {STATES_MAX:,} states: the bounds are too wide")
            self._states.append(state)
            self._came.append((source, label))
            self._depths.append(self._depths[source] + 1)
        return number

    def _find_stuck(self) -> int | None:
        """The first state from which no end can be reached."""
        before: dict[int, list[int]] = {}
        for source, target in zip(self._sources, self._targets, strict=True):
            before.setdefault(target, []).append(source)
        fine = bytearray(len(self._states))
        waiting = list(self._ended)
        while waiting:
            number = waiting.pop()
            if not fine[number]:
                fine[number] = 1
                waiting.extend(before.get(number, ()))
        stuck = fine.find(0)
        return None if stuck < 0 else stuck

    def _counterexample(self, number: int, claim: str) -> Counterexample:
        return Counterexample(claim, tuple(reversed(list(self._lines(number)))))

    def _lines(self, number: int) -> Iterator[str]:
        while number >= 0:
            source, label = self._came[number]
            yield f"{label or 'start':<58} {self._problem.shown(self._states[number])}"
            number = source
