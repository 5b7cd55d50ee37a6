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
        fact: bool = False,
    ) -> SagaRecord | None:
        """Move on by that trigger, past every step that does not apply."""
        status = _STATUSES[trigger]
        saga = self.told(work, status, outcome)
        state, skipped = settle_skips(work.flow, move(work.flow, work.saga.state, trigger), work.run.params, saga.steps)
        ended = state in ENDS
        facts = {**outcome.result, **({"reason": reason} if reason else {})}
        events = [Event(_EVENTS.get(trigger, status), work.step.name, facts)]
        if ended:
            events.append(Event(state, "", {}))
        saga = replace(
            saga,
            state=state,
            steps={
                **saga.steps,
                **{name: {"status": "skipped", "attempts": 0, "at": work.run.now} for name in skipped},
            },
            waits=(),
            wake_at=None if ended else work.run.now,
            looks=0,
            errors=0,
            reason=_reason_after(work, trigger, reason),
        )
        saga_id, user_id, now = saga.id, saga.user_id, work.run.now
        begun = (watch_companion(saga_id, user_id, work.step.name, watch, now) for watch in watches)
        written = await self.write(work, saga, outcome, (*companions, *begun), tuple(events), fact=fact, released=ended)
        return None if ended else written

    async def wait(
        self, work: Work, refs: tuple[str, ...], outcome: Outcome, effect: Companion, event: Event
    ) -> SagaRecord | None:
        """The outside world must settle first; webhooks about these references wake the saga.

        Where there is nothing to hear of, the answer may have settled it: the saga is kept, to be looked at now.
        """
        waiting = replace(
            self.told(work, "waiting", outcome),
            state=move(work.flow, work.saga.state, "wait"),
            waits=refs,
            wake_at=self.later(0, None),
            looks=0,
        )
        return await self.write(work, waiting, outcome, (effect,), (event,), fact=True, released=bool(refs))

    async def park(
        self, work: Work, reason: str, outcome: Outcome | None = None, companions: tuple[Companion, ...] = ()
    ) -> SagaRecord | None:
        """Hand the saga to a person, with the reason; nothing is dropped."""
        log.warning("saga-parked", saga_id=work.saga.id, step=work.step.name, reason=reason)
        outcome = outcome or Outcome()
        saga = replace(
            self.told(work, "parked", outcome),
            state=move(work.flow, work.saga.state, "park"),
            parked_from=work.saga.state,
            waits=(),
            wake_at=None,
            reason=reason,
        )
        event = Event("parked", work.step.name, {"reason": reason})
        return await self.write(work, saga, outcome, companions, (event,), fact=True, released=True)

    async def begin_anew(
        self, work: Work, until: datetime, reason: str, outcome: Outcome, companions: tuple[Companion, ...]
    ) -> SagaRecord | None:
        """Undo it once more later, by another effect: this one definitely did not happen."""
        saga = begun_anew(self.told(work, "waiting", outcome), work.step.name, work.way)
        saga = replace(saga, waits=(), wake_at=until, looks=0, reason=reason)
        event = Event("begun-anew", work.step.name, {"reason": reason})
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
        saga = self.told(work, "running", outcome, attempts)
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
        saga = replace(work.saga, wake_at=until, looks=work.saga.looks + looked, updated_at=work.run.now)
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
        if released:
            return None
        return replace(after, version=work.saga.version + 1, events=work.saga.events + len(events))

    async def keep_late(self, answer: Companion) -> None:
        """Keep what cannot be written to its saga any more, because somebody else holds it."""
        with suppress(StaleGuard):  # the same answer is kept already
            await self._door.submit(Change(INBOX_BOOK, companions=(answer,), fact=True))

    def told(self, work: Work, status: str, outcome: Outcome, attempts: int | None = None) -> SagaRecord:
        """The saga with what this commit says of its step."""
        name, saga = work.step.name, work.saga
        told = saga.steps.get(name, {})
        step: dict[str, Any] = {
            "status": status,
            "attempts": told.get("attempts", 1) if attempts is None else attempts,
            "at": work.run.now,
        }
        results = {**saga.results, name: {**saga.results.get(name, {}), **outcome.result}}
        return replace(saga, steps={**saga.steps, name: step}, results=results, updated_at=work.run.now)

    def later(self, tries: int, wish_s: float | None) -> datetime:
        poll_s = self._poll_s
        pause_s = min(poll_s * _LOOKS_GROWTH ** min(tries, 40), poll_s * _LOOKS_S_MAX_POLLS)
        return self._clock.now() + timedelta(seconds=max(pause_s, min(wish_s or 0.0, _RETRY_MAX_S)))


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
