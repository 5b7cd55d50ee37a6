"""What may happen next to a whole saga: its next commits, and the third parties' own moves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from app.errors import StaleGuard, WalletError
from app.ledger.accounts import CUSTOMER, AccountStatus
from app.ledger.changes import Change
from app.orchestrator.driver import Driver
from app.orchestrator.effects import Effect, Policy
from app.orchestrator.flows.recovery import RECOVERY
from app.orchestrator.journal import EFFECTS, SAGAS, SagaRecord, effect_companion, effect_from, events_in, saga_from
from app.orchestrator.lifecycle import ENDS, PARKED
from app.orchestrator.lookout import Lookout
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Saga
from app.orchestrator.scribe import Scribe
from app.orchestrator.starting import Asked, Flows
from app.orchestrator.store import SagaStore
from app.orchestrator.watch_store import WatchStore
from app.orchestrator.watches import WatchRecord
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.registry import CAPABILITIES
from tests.checker.asking import START, Finished, TickingClock, ask, driven, replay
from tests.checker.effect_approval import approved
from tests.checker.flow_orders import Order
from tests.checker.flow_ports import Ports, pending_send
from tests.checker.flow_world import BOOK, QUIET, TIMEOUT, USER, World
from tests.checker.things import Thing
from tests.orchestrator.crashes import steps_told

_POLL_S = 1.0

Move = tuple[str, World]

_GONE, _AGAIN = ("replaced",), ("shallow", "reverted")

STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "payment": {"pending": ("sent", "returned", "rejected")},
    "send": {
        "queued": ("gone",),
        "approved": ("broadcast",),
        "broadcast": ("mined", "reverted"),
        "mined": _GONE,
        "replaced": ("mined", "reverted"),
    },
    "application": {"pending": ("approved", "denied")},
    "incoming": {"shallow": ("deep", *_GONE), "deep": _GONE, "replaced": _AGAIN, "reverted": _GONE},
    "charge": {"open": ("paid",)},
    "payout": {"pending": ("paid", "failed")},
    "applicant": {"none": ("pending",), "pending": ("verified", "rejected")},
}
"""How third parties' things move on by themselves; what is approved, and what is returned, has a rule of its own."""


class _HeldClock(TickingClock):
    """The hour of the world, which does not pass while a worker is at it."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is written is a question; what was written before is there."""

    world: World

    async def saga(self, saga_id: str) -> SagaRecord | None:
        document = self.world.documents.get((SAGAS, saga_id))
        return saga_from({"_id": saga_id, **document}) if document else None

    async def effect(self, effect_id: str) -> Effect | None:
        document = self.world.documents.get((EFFECTS, effect_id))
        return effect_from({"_id": effect_id, **document}) if document else None

    async def watches_about(self, refs: Sequence[str]) -> list[WatchRecord]:
        return [watch for watch in self.world.watches if watch.ref in refs]

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Any:
        return await ask("commit", change)

    async def covers(self, seconds: float) -> bool:
        return True


class FlowMoves:
    """The moves of one order."""

    def __init__(self, order: Order, flow: Saga, attempts_max: int, recovery: Saga = RECOVERY) -> None:
        self._order = order
        self._attempts_max = attempts_max
        self._clock = _HeldClock()
        self._flow = flow
        self._recovery = recovery

    def start(self) -> World:
        """The order is accepted, by the product's own door for orders."""
        before = self._order.world()
        params = self._flow.params.model_validate(self._order.params)

        async def prepare(_saga_id: str) -> Any:
            return params

        asked = Asked(BOOK, USER, "key", {})
        *_, (label, accepted) = self._runs(before, lambda: self._flows(before).start(self._flow, asked, prepare))
        if "refused" in label:
            raise AssertionError(label)
        return accepted

    def __call__(self, world: World) -> Iterator[Move]:
        yield from self._third_parties(world)
        if world.saga.state in (*ENDS, PARKED):
            yield from self.late(world)
            return
        if world.due:
            yield from self._runs(world, lambda: driven(self._driver(world), world.saga, _Asking(world)))
        elif world.saga.wake_at is not None:
            yield "time passes", replace(world, now=world.saga.wake_at)
        if world.freezes:
            stopped = {
                each.id: replace(each, status=AccountStatus.FROZEN)
                for each in world.accounts.values()
                if each.role == CUSTOMER
            }
            yield (
                "an officer freezes the customer",
                replace(world, accounts={**world.accounts, **stopped}, freezes=world.freezes - 1),
            )

    def late(self, world: World) -> Iterator[Move]:
        """What the lookout does once the saga has ended, where the order is followed that far; nothing at rest."""
        if not self._order.followed:
            return
        for ref in dict.fromkeys(watch.ref for watch in world.watches):
            heard = self._runs(world, partial(self._lookout(world).hear, [ref]), "the lookout")
            yield from ((told, after) for told, after in heard if after != world)

    def _lookout(self, world: World) -> Lookout:
        asking, store = _Asking(world), cast("SagaStore", _Asking(world))
        watches, outside = cast("WatchStore", asking), _outside(world)
        return Lookout(watches, store, self._flows(world), outside, asking, self._clock, poll_s=_POLL_S)

    def _flows(self, world: World) -> Flows:
        async def hint() -> None:
            return None

        return Flows(cast("SagaStore", _Asking(world)), _Asking(world), self._clock, hint)

    def _driver(self, world: World) -> Driver:
        attempts_max, none = self._attempts_max, timedelta(0)
        policies = {name: Policy(known, TIMEOUT, QUIET, attempts_max, none) for name, known in CAPABILITIES.items()}
        flows = {(flow.name, flow.version): flow for flow in (self._recovery, self._flow)}
        scribe, store = Scribe(_Asking(world), self._clock, _POLL_S), cast("SagaStore", _Asking(world))
        return Driver(flows, store, scribe, _outside(world), policies, self._clock)

    def _runs(self, start: World, program: Callable[[], Any], who: str = "a worker") -> Iterator[Move]:
        """Every way a worker's next stretch may go; behind each commit it may be gone.

        What moves several steps on at once may be refused together, and is done one step after the other then.
        """
        waiting: list[tuple[tuple[tuple[int, Any], ...], World, str]] = [((), start, who)]
        while waiting:
            answers, world, told = waiting.pop()
            self._clock.at = start.now
            try:
                reached = replay(program(), 0, answers, self._clock)
            except WalletError as refusal:
                yield f"{told}, refused: {refusal.code}", world
                continue
            if isinstance(reached, Finished):
                yield told, world
            elif reached.kind == "commit":
                verdict, after = world.judged(reached.about)
                said = f"{told} commits {_told(reached.about)}"
                if isinstance(verdict, WalletError):
                    said = f"{said} (refused: {verdict.code})"
                else:
                    yield f"{said}, and is gone", after
                waiting.append(((*answers, (0, verdict)), after, said))
                if len(steps_told(reached.about)) > 1:
                    waiting.append(((*answers, (0, StaleGuard(SAGAS, "several"))), world, f"{said} (not together)"))
            else:
                ends = _canceled if reached.kind == "cancel" else _made
                waiting.extend(
                    ((*answers, (0, answer)), after, f"{told}; {said}")
                    for said, answer, after in ends(world, reached.about)
                )

    def _third_parties(self, world: World) -> Iterator[Move]:
        for number, thing in enumerate(world.things):
            for stage in STAGES.get(thing.kind, {}).get(thing.stage, ()):
                if stage == "replaced" and not world.reorgs:
                    continue
                after = _became(world, number, stage)
                after = replace(after, reorgs=world.reorgs - 1) if stage == "replaced" else after
                yield f"#{number} ({thing.kind}) is {stage}", after
            if thing.kind == "payment" and thing.stage == "sent":
                yield f"#{number} (payment) is returned late", _became(world, number, "returned")
            if thing.kind == "send" and thing.stage == "queued":
                yield from _approvals(world, number, thing)


def _approvals(world: World, number: int, thing: Thing) -> Iterator[Move]:
    for effect_id, document in world.effects.items():
        before = effect_from({"_id": effect_id, **document})
        if before.operation != thing.kind:
            continue
        after = approved(before, pending_send(f"#{number}", thing))
        if after is not None:
            written = {**document, **effect_companion(before, after).document, "version": after.version}
            documents = {**world.documents, (EFFECTS, effect_id): written}
            yield f"#{number} may be signed", replace(_became(world, number, "approved"), documents=documents)


def _outside(world: World) -> Outside:
    return cast("Outside", Ports(world.things, world.accounts, world.documents, world.posted).outside())


def _became(world: World, number: int, stage: str) -> World:
    things = list(world.things)
    things[number] = things[number]._replace(stage=stage)
    return replace(world, things=tuple(things))


def _made(world: World, thing: Thing) -> Iterator[tuple[str, Any, World]]:
    """How a call that makes something may end, with and without its answer."""
    known = next((n for n, each in enumerate(world.things) if each.key and (each.kind, each.key) == thing[:2]), None)
    after = world if known is not None else replace(world, things=(*world.things, thing))
    ref = f"#{len(after.things) - 1 if known is None else known}"
    provider = "somebody"
    yield f"{thing.kind} {ref} is taken on", (ref, after.things[int(ref[1:])]), after
    yield f"{thing.kind} {ref} is taken on, and the answer lost", OutcomeUnknown(provider, "lost"), after
    yield f"{thing.kind} is lost on the way", OutcomeUnknown(provider, "lost"), world
    yield f"{thing.kind} is declined", Declined(provider, "no"), world
    yield f"{thing.kind} cannot be told to anybody", Unavailable(provider, "away"), world


def _canceled(world: World, payment_id: str) -> Iterator[tuple[str, Any, World]]:
    """How a call that cancels a pending payment may end; the bank may be faster."""
    number, provider = int(payment_id[1:]), "somebody"
    if world.things[number].kind == "charge":
        yield from _canceled_charge(world, number)
        return
    after, faster = _became(world, number, "canceled"), _became(world, number, "sent")
    yield f"{payment_id} is canceled", after.things[number], after
    yield f"{payment_id} is canceled, and the answer lost", OutcomeUnknown(provider, "lost"), after
    yield f"the cancellation of {payment_id} is lost on the way", OutcomeUnknown(provider, "lost"), world
    yield f"{payment_id} is sent, and cannot be canceled any more", Declined(provider, "no"), faster
    yield f"nobody can be told to cancel {payment_id}", Unavailable(provider, "away"), world


def _canceled_charge(world: World, number: int) -> Iterator[tuple[str, Any, World]]:
    """The same for a payment by card: the customer may be faster, and then that is the answer."""
    after, faster = (_became(world, number, stage) for stage in ("canceled", "paid"))
    if world.things[number].stage == "open":
        yield f"#{number} is canceled", after.things[number], after
        yield f"#{number} is canceled, and the answer lost", OutcomeUnknown("somebody", "lost"), after
        yield f"#{number} is paid, and cannot be canceled any more", faster.things[number], faster
    else:
        yield f"#{number} is over", world.things[number], world
    yield f"the cancellation of #{number} is lost on the way", OutcomeUnknown("somebody", "lost"), world
    yield f"nobody can be told to cancel #{number}", Unavailable("somebody", "away"), world


def _told(change: Change) -> str:
    events = [str(each["type"]) for each in events_in(change.companions)]
    postings = [each.kind for each in change.transactions]
    return " ".join(filter(None, ("+".join(events) or "a wait", f"[{', '.join(postings)}]" if postings else "")))
