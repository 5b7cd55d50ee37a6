"""Operators at work on sagas: read how it stands, judge the command, write all of it in one commit, or none.

A command is written under the guard of the saga's version and fence, together with its event and its entry in the audit
trail. The entry's id is derived from caller, key, saga and command, so the same command under the same key is given
once, however often it is asked for and whatever has become of the saga since. What moves money, or gives it up, takes
two operators above the limit (``app/compliance/proposals.py``).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from app.clock import Clock
from app.compliance.proposals import Matter, Proposal, Proposals
from app.compliance.trail import Deed, Trail, TrailReader
from app.errors import CommandRefused, IdempotencyKeyReused, Missing, Overloaded, StaleGuard
from app.ids import book_of, public_id
from app.ledger.acts import Answerable
from app.ledger.changes import Change, Document
from app.ledger.documents import transaction_from
from app.ledger.store import LedgerStore
from app.ledger.transactions import Status
from app.orchestrator.commands import Command, Decision, Situation, at_stake, judge, legal, takes_two
from app.orchestrator.journal import Event, SagaRecord, current_effect_id, effect_companion, progress
from app.orchestrator.lifecycle import ENDS, phase_of, way_of
from app.orchestrator.saga import Saga
from app.orchestrator.store import SagaStore

_TRIES_MAX = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Order:
    """A command for one saga (its stored id), and what shows that it is right."""

    saga_id: str
    command: Command
    evidence: str | None = None


class Situations:
    """How sagas stand, in an operator's eyes."""

    def __init__(
        self, flows: Mapping[tuple[str, int], Saga], sagas: SagaStore, ledger: LedgerStore, clock: Clock
    ) -> None:
        self._flows = flows
        self._sagas = sagas
        self._ledger = ledger
        self._clock = clock

    async def of(self, saga_id: str) -> Situation:
        """How the saga of that stored id stands. Raises Missing."""
        saga = await self._sagas.saga(saga_id)
        if saga is None:
            raise Missing("saga")
        state = saga.parked_from or saga.state
        effects = await self._sagas.effects_of(saga_id)
        current = None if saga.state in ENDS else current_effect_id(saga, phase_of(state)[1], way_of(state))
        postings = [transaction_from(each) for each in await self._ledger.transactions_of_saga(saga_id)]
        holds = [each.id for each in postings if each.status is Status.PENDING and not each.hold_ids]
        return Situation(
            saga=saga,
            flow=self._flows.get((saga.type, saga.def_version)),
            effect=next((each for each in effects if each.id == current), None),
            effects=effects,
            postings=postings,
            held={hold_id: await self._ledger.hold_remaining(hold_id) for hold_id in holds},
            now=self._clock.now(),
        )


class Operators:
    """Commands for sagas."""

    def __init__(
        self,
        situations: Situations,
        trail: Trail,
        entries: TrailReader,
        proposals: Proposals,
        hint: Callable[[], Awaitable[None]],
    ) -> None:
        self._situations = situations
        self._trail = trail
        self._entries = entries
        self._proposals = proposals
        self._hint = hint

    async def give(self, order: Order, answerable: Answerable) -> SagaRecord | Proposal:
        """Give the command: the saga as it leaves it; asked again under the same key, the saga as it is now.

        Where two must want it, the first one's is the proposal that another one must agree to. Raises Missing,
        IdempotencyKeyReused, what ``commands.judge`` lists, SecondOperatorNeeded, Overloaded.
        """
        deed = Deed.of(answerable, f"saga.{order.command}", public_id(order.saga_id))
        for _ in range(_TRIES_MAX):
            met = await self._situations.of(order.saga_id)
            earlier = await self._entries.entry(deed.entry_id(book_of(order.saga_id)))
            if earlier is not None:
                return _same(met.saga, earlier, order, answerable)
            proposal = await self._proposals.made(book_of(order.saga_id), _matter(met, order), answerable)
            if proposal is not None:
                return proposal
            decision = _judged(order, met)
            proposal = await self._second(met, order, answerable)
            if proposal is not None:
                return proposal
            try:
                await self._trail.submit(_change(met, decision, order, answerable), _told(deed, met, decision, order))
            except StaleGuard:
                continue  # a worker was faster, or the same command was sent twice: judge what they have left
            log.info("saga-command", saga_id=order.saga_id, operation=order.command.value, user_id=answerable.by)
            await self._hint()
            return decision.saga
        raise Overloaded

    async def _second(self, met: Situation, order: Order, answerable: Answerable) -> Proposal | None:
        """What another one must agree to before the command is given; None: nothing."""
        if not takes_two(order.command, met):
            return None
        matter = replace(_matter(met, order), amounts=at_stake(met))
        return await self._proposals.ask(book_of(order.saga_id), matter, answerable)


def _judged(order: Order, met: Situation) -> Decision:
    """What the command does here; a refusal says what fits instead."""
    try:
        return judge(order.command, met, order.evidence)
    except CommandRefused as refusal:
        raise refusal.naming(legal(met)) from None


def _matter(met: Situation, order: Order) -> Matter:
    standing = {"state": met.state, "effect": met.effect_status}
    return Matter(f"saga.{order.command}", public_id(order.saga_id), (), {"evidence": order.evidence}, standing)


def _change(met: Situation, decision: Decision, order: Order, answerable: Answerable) -> Change:
    """One commit: the saga and its events, its call, its postings. It reports what has happened, so it is a fact."""
    command = Event(
        "command",
        phase_of(met.state)[1],
        {
            "command": order.command.value,
            "by": answerable.by,
            "reason": answerable.reason,
            "evidence": order.evidence,
            "before": met.saga.state,
            "after": decision.saga.state,
        },
    )
    companions = progress(met.saga, decision.saga, (command, *decision.events), released=True)
    if decision.effect is not None and met.effect is not None:
        companions = (*companions, effect_companion(met.effect, decision.effect))
    outcome = decision.outcome
    return Change(
        book_of(met.saga.id),
        outcome.transactions,
        (*companions, *outcome.companions),
        outcome.openings,
        fact=True,
    )


def _told(deed: Deed, met: Situation, decision: Decision, order: Order) -> Deed:
    effect = decision.effect or met.effect
    return deed.changing(
        {"state": met.saga.state, "version": met.saga.version, "effect": met.effect_status},
        {
            "state": decision.saga.state,
            "effect": effect.status.value if effect else "none",
            "evidence": order.evidence,
        },
    )


def _same(saga: SagaRecord, earlier: Document, order: Order, answerable: Answerable) -> SagaRecord:
    if earlier["reason"] != answerable.reason:
        raise IdempotencyKeyReused("reason")
    if earlier["after"]["evidence"] != order.evidence:
        raise IdempotencyKeyReused("evidence")
    return saga
