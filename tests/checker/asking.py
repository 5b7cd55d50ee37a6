"""Production coroutines, held at every place where something may go wrong around them.

A coroutine cannot be copied, so a search cannot branch in the middle of one. It is deterministic, though: where it
stands follows from how it was started and what it has been answered. So it is kept as that, and replayed up to its
next question. Time may pass between two answers, so each comes with the hour at which it is given.
"""

from collections.abc import Coroutine, Generator, Hashable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from app.errors import Busy, StaleGuard
from app.orchestrator.driver import Driver, Lease
from app.orchestrator.journal import SagaRecord
from app.orchestrator.onward import Announced

START = datetime(2026, 11, 20, 5, tzinfo=UTC)
TICK = timedelta(seconds=1)

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Question:
    """What the production code wants from the world: a commit, a lease, an answer of the provider."""

    kind: str
    about: Any = None


@dataclass(frozen=True, slots=True)
class Finished:
    """It has returned."""

    result: Any


class _Asked:
    def __init__(self, question: Question) -> None:
        self._question = question

    def __await__(self) -> Generator[Question, Any, Any]:
        return (yield self._question)


async def driven(driver: Driver, saga: SagaRecord, lease: Lease) -> SagaRecord | None:
    """One stretch of a worker: as far as the next commit that follows from nothing but the saga."""
    standing = await driver.advance(saga, lease)
    while isinstance(standing, Announced):
        standing = await driver.advance(standing, lease)
    return standing


async def ask(kind: str, about: Any = None) -> Any:
    """Hand the question to whoever replays this coroutine, and return (or raise) the answer."""
    return await _Asked(Question(kind, about))


class TickingClock:
    """The hour as whole ticks since the start, set by whoever replays."""

    def __init__(self) -> None:
        self.tick = 0

    def now(self) -> datetime:
        return moment(self.tick)


def moment(tick: int) -> datetime:
    """The hour of a tick."""
    return START + tick * TICK


def tick_of(at: datetime) -> int:
    """The first tick that is not before the hour."""
    return -((START - at) // TICK)


def replay(
    coroutine: Coroutine[Question, Any, Any], started: int, answers: Iterable[tuple[int, Any]], clock: TickingClock
) -> Question | Finished:
    """Run it from its start through all answers, each given at its tick; exceptions are raised into it.

    A refusal that it lets through ends it without a result, as the engine has it.
    """
    with closing(coroutine):
        try:
            clock.tick = started
            question = coroutine.send(None)
            for tick, answer in answers:
                clock.tick = tick
                raised = isinstance(answer, BaseException)
                question = coroutine.throw(answer) if raised else coroutine.send(answer)
        except StopIteration as end:
            return Finished(end.value)
        except (StaleGuard, Busy):
            return Finished(None)
    return question


class Interned(Generic[T]):
    """Each thing once, under a small number: states of numbers are cheap to keep and to compare."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}
        self._things: list[T] = []

    def number(self, thing: T) -> int:
        number = self._numbers.get(thing)
        if number is None:
            number = self._numbers[thing] = len(self._things)
            self._things.append(thing)
        return number

    def __getitem__(self, number: int) -> T:
        return self._things[number]
