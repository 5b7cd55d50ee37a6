"""A worker at one effect: the product's own driver, scribe and outside step, asking the modelled world.

What is modelled here is only how the driver reaches the world: every commit, every look at its lease and every call of
a provider is a question.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, cast

from pydantic import BaseModel

from app.errors import StaleGuard
from app.ledger.changes import Change, Posted
from app.money import BTC, Money
from app.orchestrator.driver import Driver
from app.orchestrator.effects import Effect, Policy, Rules, Sent
from app.orchestrator.flows.chain import ChainTerms, Send
from app.orchestrator.journal import EFFECTS, EVENTS, SAGAS, SagaRecord, effect_from, events_in, saga_from
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Saga, Settled, Step, Waiting
from app.orchestrator.scribe import Scribe
from app.orchestrator.store import SagaStore
from app.providers.chain_ports import ChainTransaction, Paid, PendingSend
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from tests.checker.asking import START, TICK, Finished, Interned, Question, TickingClock, ask, driven, replay

SAGA_ID = "default/sag_1"
PROVIDER = "provider"
ADDRESS = "somewhere"
COINS = Money(1, BTC)

Code = tuple[Any, ...]
"""An answer as it is kept: its kind, and what it says."""


class Nothing(BaseModel):
    """The saga asks for nothing but its one effect."""


@dataclass(frozen=True, slots=True)
class Probe:
    """An outside step that books nothing and settles as soon as the provider shows it."""

    provider: str = PROVIDER
    operation: str = "act"

    examine: ClassVar[None] = None

    def request(self, run: Run) -> Mapping[str, Any]:
        return {}

    def sending(self, run: Run) -> Outcome:
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        return Sent(await ask("send"))

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        found = await ask("find")
        return Sent(found) if found else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        return Outcome()

    def refused(self, run: Run) -> Outcome:
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (effect.ref,)

    async def look(self, effect: Effect, outside: Outside) -> bool:
        return bool(await ask("find"))

    def judge(self, run: Run, effect: Effect, seen: bool) -> Progress:  # noqa: FBT001 - the type of what was seen
        return Settled() if seen else Waiting()


class Queue:
    """The key daemon's queue, as the product's chain step sees it: one signed operation is three blocks deep."""

    async def send(self, order: object) -> str:
        return str(await ask("send"))

    async def pending_sends(self, chain: str) -> tuple[PendingSend, ...]:
        return tuple(pending(ref) for ref in await ask("queue"))

    async def pending_send(self, pending_id: str) -> PendingSend | None:
        status = await ask("pending", pending_id)
        return pending(pending_id, signed=status == "done") if status else None

    async def transaction(self, chain: str, tx_id: str, *, enough: int) -> ChainTransaction:
        return ChainTransaction(tx_id, "mined", 1, 3, Money(0, BTC), (Paid("0", ADDRESS, COINS),))


def pending(ref: str, *, signed: bool = False) -> PendingSend:
    """An operation of the queue that says what the effect asked for."""
    return PendingSend(ref, "bitcoin", ADDRESS, COINS, f"tx of {ref}" if signed else None)


@dataclass(frozen=True, slots=True)
class _Providers:
    coins: Queue


class _Kept:
    async def compliance_level(self, user_id: str) -> str:
        """Nobody loses their verdict here: that would park the saga before its effect."""
        return "verified"


@dataclass(frozen=True, slots=True)
class _Outside:
    providers: _Providers
    kept: _Kept


class _AskingStore:
    async def effect(self, effect_id: str) -> Effect | None:
        return cast("Effect | None", await ask("effect"))


class _AskingDoor:
    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted:
        await ask("commit", change)
        return Posted((), {})


class _AskingLease:
    async def covers(self, seconds: float) -> bool:
        return bool(await ask("covers"))


class Commit(NamedTuple):
    """What a commit would write, in numbers of records; ``mark`` says that it announces a send.

    A late answer is kept beside the saga: then there is no saga to write.
    """

    saga: int | None
    effect: int | None
    effect_version: int
    released: bool
    mark: bool
    told: str


class Records:
    """Sagas and effects by number, without what no decision depends on: hours of the history, counts of its lines."""

    def __init__(self) -> None:
        self._numbers = Interned[tuple[str, ...]]()
        self._records: dict[int, Any] = {-1: None}

    def number(self, record: SagaRecord | Effect | None) -> int:
        if record is None:
            return -1
        kept = _without_history(record) if isinstance(record, SagaRecord) else record
        number = self._numbers.number((repr(kept),))
        self._records.setdefault(number, kept)
        return number

    def saga(self, number: int) -> SagaRecord:
        return cast("SagaRecord", self._records[number])

    def effect(self, number: int) -> Effect | None:
        return cast("Effect | None", self._records[number])


def _without_history(saga: SagaRecord) -> SagaRecord:
    steps = {name: {**told, "at": START} for name, told in saga.steps.items()}
    return replace(saga, steps=steps, created_at=START, updated_at=START, looks=0, version=1, events=0, fence=0)


def _record(run: Run) -> Outcome:
    return Outcome()


class Program:
    """The product's worker, replayed from what it started with and what it was answered."""

    def __init__(self, policy: Policy, rules: Rules) -> None:
        queued = policy.capabilities.provider_fence == "approval"
        call = Send(lambda _: ChainTerms("bitcoin", ADDRESS, COINS)) if queued else Probe()
        steps = (Step("record", str, do=_record), Step("act", str, do=call))
        self._flow = Saga("probe", 1, Nothing, steps)
        self._clock = TickingClock()
        self._driver = Driver(
            {("probe", 1): self._flow},
            cast("SagaStore", _AskingStore()),
            Scribe(_AskingDoor(), self._clock, TICK.total_seconds()),
            cast("Outside", _Outside(_Providers(Queue()), _Kept())),
            {call.provider: policy},
            self._clock,
            rules,
        )
        self.records = Records()
        self._questions: dict[tuple[int, int, tuple[tuple[int, Code], ...]], Question | Finished] = {}

    def first(self) -> int:
        """The saga, accepted, at the door of its one outside step."""
        return self.records.number(
            SagaRecord(
                id=SAGA_ID,
                type="probe",
                def_version=1,
                tenant="default",
                user_id="someone",
                state="do:act",
                params={},
                fingerprint="",
                correlation_id="",
                created_at=START,
                updated_at=START,
                wake_at=START,
            )
        )

    def question(self, saga: int, started: int, answers: tuple[tuple[int, Code], ...]) -> Question | Finished:
        """What it asks next, or what it returned: the number of the saga it goes on with, or None."""
        key = (saga, started, answers)
        question = self._questions.get(key)
        if question is None:
            question = self._questions[key] = self._replayed(*key)
        return question

    def _replayed(self, saga: int, started: int, answers: tuple[tuple[int, Code], ...]) -> Question | Finished:
        record = self.records.saga(saga)
        told = ((tick, self._decoded(code)) for tick, code in answers)
        reached = replay(driven(self._driver, record, _AskingLease()), started, told, self._clock)
        if isinstance(reached, Finished):
            return Finished(None if reached.result is None else self.records.number(reached.result))
        if reached.kind == "commit":
            return Question("commit", self._read(record, reached.about))
        return reached

    def _read(self, record: SagaRecord, change: Change) -> Commit:
        documents = {each.collection: each for each in change.companions if each.collection != EVENTS}
        events = [each["type"] for each in events_in(change.companions)]
        saga, effect = documents.get(SAGAS), documents.get(EFFECTS)
        if saga is None:
            return Commit(None, None, 0, released=False, mark=False, told="late answer, beside the saga")
        after = None if effect is None else effect_from({"_id": effect.id, **effect.document})
        return Commit(
            saga=self.records.number(saga_from({"_id": saga.id, "fence": record.fence, **saga.document})),
            effect=None if after is None else self.records.number(after),
            effect_version=0 if effect is None else int(effect.guard.get("version", 0)),
            released="lease_until" in saga.document,
            mark="sending" in events,
            told=", ".join(events) or "sleep",
        )

    def _decoded(self, code: Code) -> Any:
        kind, *about = code
        return _ANSWERS[kind](*about) if kind in _ANSWERS else self.records.effect(about[0])


_ANSWERS: Mapping[str, Callable[..., Any]] = {
    "value": lambda value: value,
    "posted": lambda: None,
    "stale": lambda collection: StaleGuard(collection, "it"),
    "declined": lambda: Declined(PROVIDER, "no"),
    "unavailable": lambda: Unavailable(PROVIDER, "away"),
    "unknown": lambda: OutcomeUnknown(PROVIDER, "lost"),
}
