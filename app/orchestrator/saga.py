"""What a saga is: named steps, each with what it does and how it is undone.

A step's action is one of three kinds. An inner step is a plain function from a ``Run`` to what it wants posted: one
commit, no outside call. An outside step is a ``Call``: it is recorded before it is made and after it was answered,
and may then wait for the outside world to settle. A ``Look`` only reads outside, as often as it must.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel

from app.errors import StaleGuard, WalletError
from app.ids import book_of, derived_id, stored_id
from app.ledger.accounts import Account
from app.ledger.changes import Companion
from app.ledger.standing import StandingChange
from app.ledger.transactions import Leg, Transaction
from app.ledger.transactions import hold as hold_of
from app.money import Money
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.outside import Outside
from app.orchestrator.watches import Watch
from app.values import dataclass, replace


class Way(StrEnum):
    """Which of its actions a step is at."""

    DO = "do"
    UNDO = "undo"
    CALL_OFF = "call-off"


def direction(step: str, way: Way) -> str:
    """A step's action, as generations are counted by: ``do:collect``, ``undo:collect``."""
    return f"{way}:{step}"


@dataclass(frozen=True, slots=True)
class Run:
    """What an action may know: whose saga it is, what was asked for, and what earlier steps found out."""

    saga_id: str
    user_id: str
    params: Any
    step: str
    way: Way
    now: datetime
    step_statuses: Mapping[str, str]
    results: Mapping[str, Mapping[str, Any]]
    generations: Mapping[str, int] = field(default_factory=dict)

    @property
    def book(self) -> str:
        """The book all of the saga's postings belong to."""
        return book_of(self.saga_id)

    @property
    def undoing(self) -> bool:
        """Whether what was done is being undone."""
        return self.way is Way.UNDO

    @property
    def generation(self) -> int:
        """How often this action was begun anew, each time after it definitely had not happened."""
        return self.generations.get(direction(self.step, self.way), 0)

    def knowing(self, result: Mapping[str, Any]) -> "Run":
        """The same, once its step has found that out."""
        own = {**self.results.get(self.step, {}), **result}
        return replace(self, results={**self.results, self.step: own}) if result else self

    def was_done(self, step: str) -> bool:
        """Whether that step ran to its end, even if it was undone since."""
        return self.step_statuses.get(step) in {"done", "undone"}

    def transaction_id(self, step: str, name: str) -> str:
        """The id that this saga's transaction of that name has, however often it is posted."""
        return stored_id(self.book, derived_id("txn", self.saga_id, step, name))

    def own_id(self, name: str) -> str:
        """The id of this action's transaction of that name; one for each generation of an undo.

        What is booked while a step is called off is about what it called off, however often that was tried.
        """
        return self._id_in(self.generation if self.undoing else 0, name)

    def earlier_id(self, name: str) -> str:
        """The id that this action's transaction of that name had in the generation before."""
        return self._id_in(self.generation - 1, name)

    def _id_in(self, generation: int, name: str) -> str:
        return self.transaction_id(self.step, f"{name}#{generation}" if generation else name)

    def transaction(self, name: str, *legs: Leg, holds: tuple[str, ...] = ()) -> Transaction:
        """A posting of this step. Holds it draws on are closed by it."""
        return Transaction(
            id=self.own_id(name),
            kind=f"{self.step}.{name}",
            legs=legs,
            hold_ids=holds,
            closes_holds=bool(holds),
            saga_id=self.saga_id,
        )

    def hold(self, name: str, source: Account | str, toward: Account | str, amount: Money) -> Transaction:
        """A hold of this step; a saga's holds never expire."""
        return hold_of(self.own_id(name), source, toward, amount, saga_id=self.saga_id)


_OF_NO_STEP = frozenset({"hold", "release"})


def step_of(kind: str) -> str:
    """The step that posts transactions of that kind; empty for what a kind does not say."""
    return "" if kind in _OF_NO_STEP else kind.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an inner step, or a moment of an outside one, makes true.

    ``standings``: accounts frozen in the same commit.
    """

    transactions: tuple[Transaction, ...] = ()
    companions: tuple[Companion, ...] = ()
    openings: tuple[Account, ...] = ()
    standings: tuple[StandingChange, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)

    def followed_by(self, later: "Outcome") -> "Outcome":
        """Both, in one commit."""
        return Outcome(
            (*self.transactions, *later.transactions),
            (*self.companions, *later.companions),
            (*self.openings, *later.openings),
            (*self.standings, *later.standings),
            {**self.result, **later.result},
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not settled yet. ``outcome`` is what is true already; ``until`` is when to look again, if that is known.

    ``refs`` are further references whose webhooks wake the saga.
    """

    outcome: Outcome = Outcome()
    until: datetime | None = None
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """The outside world has done its part; ``watches`` outlive the saga, because it may yet take it back."""

    outcome: Outcome = Outcome()
    watches: tuple[Watch, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """It definitely did not happen, or was taken back; ``outcome`` mirrors what had been booked for it.

    ``watches`` outlive the saga where it may happen after all.
    """

    reason: str
    outcome: Outcome = Outcome()
    watches: tuple[Watch, ...] = ()


@dataclass(frozen=True, slots=True)
class Unwanted:
    """It is on its way, and should not be any more: the step's ``call_off`` comes next."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """No rule covers what was seen; a person must look."""

    reason: str


Progress = Waiting | Settled | Failed | Unwanted | Stuck


@dataclass(frozen=True, slots=True)
class Ready:
    """Go ahead: ``request`` joins what will be sent, and stays in the step's result; ``companions`` take it.

    When somebody else has taken one of them in between, nothing is sent, and the step looks again at once.
    """

    request: Mapping[str, Any] = field(default_factory=dict)
    companions: tuple[Companion, ...] = ()

    def was_taken(self, refusal: WalletError) -> bool:
        """Whether a refusal says that one of the companions was no longer as it was read."""
        named = {(companion.collection, companion.id) for companion in self.companions}
        return isinstance(refusal, StaleGuard) and (refusal.collection, refusal.document_id) in named


Inner = Callable[[Run], Outcome]
Examine = Callable[[Run, Outside], Awaitable[Progress | Ready | None]]


class Call(Protocol):
    """An outside step. The pure methods say what to book; the async ones only talk to the provider.

    ``send`` may raise the three words of app/providers/outcomes.py. What only reads may raise Unavailable, to be asked
    again, or Declined: the provider will not tell, and a person must look.
    """

    @property
    def provider(self) -> str: ...

    @property
    def operation(self) -> str: ...

    @property
    def examine(self) -> "Examine | None":
        """Before the first send: None or Ready to go ahead, or why there is nothing (or not yet anything) to send.

        A call that has none is recorded in the same commit as what led to it.
        """
        ...

    def request(self, run: Run) -> Mapping[str, Any]:
        """What will be sent: stored first, and the same for every re-send."""
        ...

    def sending(self, run: Run) -> Outcome:
        """Book the uncertainty, in the commit that records the send."""
        ...

    async def send(self, effect: Effect, outside: Outside) -> Sent: ...

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        """The provider's object for this effect, by our own reference."""
        ...

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        """The provider has taken it on."""
        ...

    def refused(self, run: Run) -> Outcome:
        """It definitely did not happen: the mirror of ``sending``."""
        ...

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        """The references whose webhooks wake the saga; none where the answer may settle it, so it is looked at now."""
        ...

    async def look(self, effect: Effect, outside: Outside) -> Any:
        """Fetch the object's current state."""
        ...

    def judge(self, run: Run, effect: Effect, seen: Any) -> Progress:
        """What that state means."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """An outside step that moves nothing there: it looks, and says what to book, or to look again later.

    What it sees has happened, so it is booked as a fact.
    """

    examine: Callable[[Run, Outside], Awaitable[Progress]]


Action = Inner | Call | Look


def always(_params: Any) -> bool:
    """The usual condition of a step."""
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """A named step, and what its success is called, from the parameters, in a sentence.

    ``when`` decides from the parameters whether it applies; ``pivot``: after it only forward. ``call_off`` stops what
    ``do`` has under way, if it still can; what it sees is judged as what became of ``do``: settled all the same, or
    failed.
    """

    name: str
    told: Callable[[Any], str]
    do: Action
    undo: Action | None = None
    call_off: Call | None = None
    when: Callable[[Any], bool] = always
    pivot: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Saga:
    """A definition. A running saga is pinned to its name and version for life.

    A definition is itself alone: what is worked out about it is kept by it, at every commit of every saga.

    The first step is an inner one; it runs in the commit that accepts the saga, so whoever asked hears its refusals.
    """

    name: str
    version: int
    params: type[BaseModel]
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)


PARKING_REFUSALS = ("account-frozen", "account-closed")
"""Refusals that say nothing about the step itself: somebody stopped the account, and somebody must decide."""


def parks(refusal: WalletError) -> bool:
    """Whether a step refused for this reason waits for a person instead of unwinding."""
    return refusal.code in PARKING_REFUSALS
