"""What may happen next to a whole saga: its next commits, and the third parties' own moves."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from app.errors import WalletError
from app.ledger.accounts import CUSTOMER, AccountStatus
from app.ledger.changes import Change
from app.orchestrator.driver import Driver
from app.orchestrator.effects import Effect, Policy
from app.orchestrator.journal import EFFECTS, effect_companion, effect_from
from app.orchestrator.lifecycle import ENDS, PARKED
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Saga
from app.orchestrator.scribe import Scribe
from app.orchestrator.starting import Asked, Flows
from app.orchestrator.store import SagaStore
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.registry import CAPABILITIES
from tests.checker.asking import START, Finished, TickingClock, ask, replay
from tests.checker.effect_approval import approved
from tests.checker.flow_orders import Order
from tests.checker.flow_ports import Ports, pending_send
from tests.checker.flow_world import BOOK, QUIET, TIMEOUT, USER, World
from tests.checker.things import Thing

_POLL_S = 1.0

Move = tuple[str, World]

STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "payment": {"pending": ("sent", "returned", "rejected")},
    "send": {"queued": ("gone",), "approved": ("broadcast",), "broadcast": ("mined", "reverted")},
    "application": {"pending": ("approved", "denied")},
    "incoming": {"shallow": ("deep", "replaced"), "replaced": ("shallow",)},
    "charge": {"open": ("paid",)},
    "payout": {"pending": ("paid", "failed")},
    "applicant": {"none": ("pending",), "pending": ("verified", "rejected")},
}
"""How third parties' things move on by themselves; what is approved has a rule of its own.

What settled may be returned at any time, but a saga on its way forward does not look, so that is tried where it does.
"""

ONLY_FORWARD = ("shallow",)
"""What happens no more once a saga has waited for it as long as it says: a replaced transaction is mined again."""


class _HeldClock(TickingClock):
    """The hour of the world, which does not pass while a worker is at it."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START

    def now(self) -> datetime:
        return self.at


class _Asking:
    async def saga(self, saga_id: str) -> None:
        return None

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Any:
        return await ask("commit", change)

    async def covers(self, seconds: float) -> bool:
        return True


class FlowMoves:
    """The moves of one order."""

    def __init__(self, order: Order, flow: Saga, attempts_max: int) -> None:
        self._order = order
        self._attempts_max = attempts_max
        self._clock = _HeldClock()
        self._flow = flow

    def start(self) -> World:
        """The order is accepted, by the product's own door for orders."""
        before = self._order.world()
        params = self._flow.params.model_validate(self._order.params)

        async def prepare(_saga_id: str) -> Any:
            return params

        async def hint() -> None:
            return None

        asking = _Asking()
        flows = Flows(cast("SagaStore", asking), asking, self._clock, hint)
        asked = Asked(BOOK, USER, "key", {})
        *_, (label, accepted) = self._runs(before, lambda: flows.start(self._flow, asked, prepare))
        if "refused" in label:
            raise AssertionError(label)
        return accepted

    def __call__(self, world: World) -> Iterator[Move]:
        yield from self._third_parties(world)
        if world.saga.state in (*ENDS, PARKED):
            return
        if world.due:
            yield from self._runs(world, lambda: self._driver(world).advance(world.saga, _Asking()))
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

    def _driver(self, world: World) -> Driver:
        outside = cast("Outside", Ports(world.things, world.accounts, world.documents).outside())
        policies = {name: Policy(known, TIMEOUT, QUIET, self._attempts_max) for name, known in CAPABILITIES.items()}

        async def effect(effect_id: str) -> Effect | None:
            document = world.documents.get((EFFECTS, effect_id))
            return effect_from({"_id": effect_id, **document}) if document else None

        store = cast("SagaStore", SimpleNamespace(effect=effect))
        flows = {(self._flow.name, self._flow.version): self._flow}
        return Driver(flows, store, Scribe(_Asking(), self._clock, _POLL_S), outside, policies, self._clock)

    def _runs(self, start: World, program: Callable[[], Any]) -> Iterator[Move]:
        """Every way a worker's next stretch may go; behind each commit it may be gone."""
        waiting: list[tuple[tuple[tuple[int, Any], ...], World, str]] = [((), start, "a worker")]
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
            else:
                ends = _canceled if reached.kind == "cancel" else _made
                waiting.extend(
                    ((*answers, (0, answer)), after, f"{told}; {said}")
                    for said, answer, after in ends(world, reached.about)
                )

    def _third_parties(self, world: World) -> Iterator[Move]:
        forward = world.saga.state.startswith(("do:", "await:"))
        for number, thing in enumerate(world.things):
            for stage in STAGES.get(thing.kind, {}).get(thing.stage, ()):
                if forward or stage not in ONLY_FORWARD:
                    yield f"#{number} ({thing.kind}) is {stage}", _became(world, number, stage)
            if thing.kind == "payment" and thing.stage == "sent" and not forward:
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
    events = [str(each.document["type"]) for each in change.companions if each.collection == "saga_events"]
    postings = [each.kind for each in change.transactions]
    return " ".join(filter(None, ("+".join(events) or "a wait", f"[{', '.join(postings)}]" if postings else "")))
