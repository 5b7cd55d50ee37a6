"""Everything that is written about a saga on its way. Each method is one commit, through the one door.

The methods return the saga as the next commit will find it, or None once it was let go: it waits, it has ended, or it
is parked. They raise TakenOver when another holder had written the same.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import structlog

from app.clock import Clock
from app.errors import StaleGuard
from app.ids import book_of
from app.ledger.changes import Change, Companion, Door, Duplicate
from app.orchestrator.journal import Event, SagaRecord, begun_anew, progress
from app.orchestrator.lifecycle import ENDS, PARKED, move, phase_of
from app.orchestrator.saga import Outcome, Saga, Way
from app.orchestrator.watches import Watch, watch_companion
from app.orchestrator.work import Work

INBOX_BOOK = "inbox"
"""The book of changes that settle events."""

_STATUSES = {"done": "done", "undone": "undone", "fail": "failed", "call_off": "waiting"}
_EVENTS = {"call_off": "called-off"}

_RETRY_MAX_S = 300.0
_LOOKS_GROWTH = Fraction(3, 2)
_LOOKS_S_MAX_POLLS = 720

log = structlog.get_logger()


class TakenOver(Exception):
    """Somebody else holds the saga now; what was to be written about it is theirs to write, or written."""


class Scribe:
    """Writes sagas, their effects and their history."""

    def __init__(self, door: Door, clock: Clock, poll_s: float) -> None:
        self._door = door
        self._clock = clock
        self._poll_s = poll_s

    async def move(
        self,
        work: Work,
        trigger: str,
        outcome: Outcome,
        *,
        reason: str | None = None,
        companions: tuple[Companion, ...] = (),
        watches: tuple[Watch, ...] = (),
        earlier: tuple[Event, ...] = (),
        fact: bool = False,
    ) -> SagaRecord | None:
        """Move on by that trigger, past every step that does not apply. ``earlier``: what had to come before it."""
        status, now = _STATUSES[trigger], work.run.now
        steps = work.steps_with(status)
        state, skipped = settle_skips(work.flow, move(work.flow, work.saga.state, trigger), work.run.params, steps)
        steps.update({name: {"status": "skipped", "attempts": 0, "at": now} for name in skipped})
        ended = state in ENDS
        facts = {**outcome.result, "reason": reason} if reason else outcome.result
        events = (*earlier, Event(_EVENTS.get(trigger, status), work.step.name, facts))
        if ended:
            events = (*events, Event(state, "", {}))
        saga = self.told(
            work,
            steps,
            outcome,
            events,
            state=state,
            waits=(),
            wake_at=None if ended else _due_since(work),
            looks=0,
            errors=0,
            reason=_reason_after(work, trigger, reason),
        )
        begun = (watch_companion(saga.id, saga.user_id, work.step.name, watch, now) for watch in watches)
        return await self.write(work, saga, outcome, (*companions, *begun), events, fact=fact, released=ended)

    async def wait(
        self, work: Work, refs: tuple[str, ...], outcome: Outcome, effect: Companion, event: Event
    ) -> SagaRecord | None:
        """The outside world must settle first; webhooks about these references wake the saga.

        Where there is nothing to hear of, the answer may have settled it: the saga is kept, to be looked at now.
        """
        state, wake_at = move(work.flow, work.saga.state, "wait"), self.later(0, None)
        waiting = self.told(
            work, work.steps_with("waiting"), outcome, (event,), state=state, waits=refs, wake_at=wake_at, looks=0
        )
        return await self.write(work, waiting, outcome, (effect,), (event,), fact=True, released=bool(refs))

    async def park(
        self, work: Work, reason: str, outcome: Outcome | None = None, companions: tuple[Companion, ...] = ()
    ) -> SagaRecord | None:
        """Hand the saga to a person, with the reason; nothing is dropped."""
        log.warning("saga-parked", saga_id=work.saga.id, step=work.step.name, reason=reason)
        outcome = outcome or Outcome()
        event = Event("parked", work.step.name, {"reason": reason})
        saga = self.told(
            work,
            work.steps_with("parked"),
            outcome,
            (event,),
            state=move(work.flow, work.saga.state, "park"),
            parked_from=work.saga.state,
            waits=(),
            wake_at=None,
            reason=reason,
        )
        return await self.write(work, saga, outcome, companions, (event,), fact=True, released=True)

    async def begin_anew(
        self,
        work: Work,
        until: datetime,
        reason: str,
        outcome: Outcome,
        companions: tuple[Companion, ...],
        waits: tuple[str, ...],
    ) -> SagaRecord | None:
        """Take it back once more later, by another effect: this one definitely did not happen."""
        event = Event("begun-anew", work.step.name, {"reason": reason})
        kept = reason if work.run.undoing else work.saga.reason  # why it is called off stays why
        saga = self.told(
            work, work.steps_with("waiting"), outcome, (event,), waits=waits, wake_at=until, looks=0, reason=kept
        )
        saga = begun_anew(saga, work.step.name, work.way)
        return await self.write(work, saga, outcome, companions, (event,), fact=True, released=True)

    async def park_unknown(self, saga: SagaRecord) -> None:
        """A definition this process does not have: some other version of the product must go on with it."""
        log.error("saga-definition-unknown", saga_id=saga.id, saga_type=saga.type, def_version=saga.def_version)
        parked = replace(saga, state=PARKED, parked_from=saga.state, wake_at=None, reason="definition-unknown")
        event = Event("parked", "", {"reason": "definition-unknown"})
        await self._door.submit(Change(book_of(saga.id), companions=progress(saga, parked, (event,), released=True)))

    async def keep(
        self,
        work: Work,
        outcome: Outcome,
        companions: tuple[Companion, ...],
        events: tuple[Event, ...],
        attempts: int,
    ) -> SagaRecord | None:
        """Write without moving on and without letting go."""
        saga = self.told(work, work.steps_with("running", attempts), outcome, events)
        return await self.write(work, saga, outcome, companions, events, fact=False, released=False)

    async def sleep(
        self,
        work: Work,
        until: datetime,
        companions: tuple[Companion, ...] = (),
        events: tuple[Event, ...] = (),
        *,
        looked: bool = False,
    ) -> SagaRecord | None:
        saga = work.saga.after(events, wake_at=until, looks=work.saga.looks + looked, updated_at=work.run.now)
        return await self.write(work, saga, Outcome(), companions, events, fact=True, released=True)

    async def write(
        self,
        work: Work,
        after: SagaRecord,
        outcome: Outcome,
        companions: tuple[Companion, ...],
        events: tuple[Event, ...],
        *,
        fact: bool,
        released: bool,
    ) -> SagaRecord | None:
        """One commit; None when it let the saga go. Raises TakenOver when the same was committed by another holder."""
        change = Change(
            work.run.book,
            outcome.transactions,
            (*progress(work.saga, after, events, released=released), *companions, *outcome.companions),
            outcome.openings,
            fact=fact,
            standings=outcome.standings,
        )
        verdict = await self._door.submit(change)
        if isinstance(verdict, Duplicate):
            raise TakenOver
        return None if released else after

    async def keep_late(self, answer: Companion) -> None:
        """Keep what cannot be written to its saga any more, because somebody else holds it."""
        with suppress(StaleGuard):  # the same answer is kept already
            await self._door.submit(Change(INBOX_BOOK, companions=(answer,), fact=True))

    def told(
        self,
        work: Work,
        steps: Mapping[str, Mapping[str, Any]],
        outcome: Outcome,
        events: tuple[Event, ...],
        **fields: Any,
    ) -> SagaRecord:
        """The saga as the commit of these events leaves it, with what is told of its steps, and what this one found."""
        name, results = work.step.name, work.saga.results
        found = {**results, name: {**results.get(name, {}), **outcome.result}}
        return work.saga.after(events, steps=steps, results=found, updated_at=work.run.now, **fields)

    def later(self, tries: int, wish_s: float | None) -> datetime:
        poll_s = self._poll_s
        pause_s = min(poll_s * _LOOKS_GROWTH ** min(tries, 40), poll_s * _LOOKS_S_MAX_POLLS)
        return self._clock.now() + timedelta(seconds=max(pause_s, min(wish_s or 0.0, _RETRY_MAX_S)))


def _due_since(work: Work) -> datetime:
    """What is due stays due since then: one key of an index less to write at every step."""
    due, now = work.saga.wake_at, work.run.now
    return due if due is not None and due < now else now


def _reason_after(work: Work, trigger: str, reason: str | None) -> str | None:
    """What was called off keeps the reason it was called off for; what settled all the same, and stays, has none."""
    if work.way is not Way.CALL_OFF:
        return reason or work.saga.reason
    return None if trigger == "done" and work.step.undo is None else work.saga.reason


def settle_skips(
    flow: Saga, state: str, params: Any, steps: Mapping[str, Mapping[str, Any]]
) -> tuple[str, tuple[str, ...]]:
    """Pass over steps that do not apply, forwards, and over those that were not done, backwards."""
    skipped: list[str] = []
    while True:
        phase, name = phase_of(state)
        if phase == "do" and not flow.step(name).when(params):
            skipped.append(name)
            state = move(flow, state, "skip")
        elif phase == "undo" and steps.get(name, {}).get("status") != "done":
            state = move(flow, state, "undone")
        else:
            return state, tuple(skipped)
