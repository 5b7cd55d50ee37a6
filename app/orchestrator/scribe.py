"""Everything that is written about a saga on its way. Each method is one commit, through the one door.

The methods return the saga as the next commit will find it, or None once it was let go: it waits, it has ended, or it
is parked. They raise TakenOver when another holder had written the same.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from fractions import Fraction

import structlog

from app.clock import Clock
from app.errors import StaleGuard
from app.ledger.changes import Change, Companion, Door, Duplicate
from app.orchestrator.journal import Event, SagaRecord, begun_anew
from app.orchestrator.lifecycle import move
from app.orchestrator.passages import Passage, change_of, told
from app.orchestrator.saga import Outcome
from app.orchestrator.work import Work

INBOX_BOOK = "inbox"
"""The book of changes that settle events."""

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

    async def wait(
        self, work: Work, refs: tuple[str, ...], outcome: Outcome, effect: Companion, event: Event
    ) -> SagaRecord | None:
        """The outside world must settle first; webhooks about these references wake the saga.

        Where there is nothing to hear of, the answer may have settled it: the saga is kept, to be looked at now.
        """
        state, wake_at = move(work.flow, work.saga.state, "wait"), self.later(0, None)
        waiting = told(
            work, work.steps_with("waiting"), outcome, (event,), state=state, waits=refs, wake_at=wake_at, looks=0
        )
        return await self.write(Passage(work, waiting, outcome, (effect,), (event,), fact=True, released=bool(refs)))

    async def park(
        self, work: Work, reason: str, outcome: Outcome | None = None, companions: tuple[Companion, ...] = ()
    ) -> SagaRecord | None:
        """Hand the saga to a person, with the reason; nothing is dropped."""
        log.warning("saga-parked", saga_id=work.saga.id, step=work.step.name, reason=reason)
        outcome = outcome or Outcome()
        event = Event("parked", work.step.name, {"reason": reason})
        saga = told(
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
        return await self.write(Passage(work, saga, outcome, companions, (event,), fact=True, released=True))

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
        saga = told(
            work, work.steps_with("waiting"), outcome, (event,), waits=waits, wake_at=until, looks=0, reason=kept
        )
        saga = begun_anew(saga, work.step.name, work.way)
        return await self.write(Passage(work, saga, outcome, companions, (event,), fact=True, released=True))

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
        return await self.write(Passage(work, saga, Outcome(), companions, events, fact=True, released=True))

    async def write(self, passage: Passage, *following: Passage) -> SagaRecord | None:
        """One commit; None when it let the saga go. Raises TakenOver when the same was committed by another holder."""
        verdict = await self._door.submit(change_of(passage, following))
        if isinstance(verdict, Duplicate):
            raise TakenOver
        last = following[-1] if following else passage
        return None if last.released else last.saga

    async def keep_late(self, answer: Companion) -> None:
        """Keep what cannot be written to its saga any more, because somebody else holds it."""
        with suppress(StaleGuard):  # the same answer is kept already
            await self._door.submit(Change(INBOX_BOOK, companions=(answer,), fact=True))

    def later(self, tries: int, wish_s: float | None) -> datetime:
        poll_s = self._poll_s
        pause_s = min(poll_s * _LOOKS_GROWTH ** min(tries, 40), poll_s * _LOOKS_S_MAX_POLLS)
        return self._clock.now() + timedelta(seconds=max(pause_s, min(wish_s or 0.0, _RETRY_MAX_S)))
