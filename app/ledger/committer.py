"""The one door. Whoever wants durable state to change submits a Change here and gets a verdict.

No timer: while one batch commits, the next gathers by itself. An idle system therefore adds no latency, and a busy one
makes large batches; an account that everybody touches is written once per batch, so it is no slower than any other.

A batch that did not commit is judged again on fresh state until its budget is spent. A batch whose commit was not
answered is resolved by the stream's head, which only this committer moves: either the head carries the batch's token,
and the batch is true, or the batch is run again under the *same* number, so that at most one of the two can commit.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from random import Random

import structlog

from app.clock import Clock
from app.errors import OutcomeUnresolved, Overloaded, WalletError
from app.ids import new_id, stored_id
from app.ledger.batch_store import Batch, BatchPoisoned, BatchStale, BatchStore, BatchTransient, CommitUnknown
from app.ledger.book import Book, State, Verdict
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.recent import Head, Recent
from app.ledger.wanted import everything_named

_QUEUE_MAX = 4_096
_CHANGES_MAX = 256
_TRANSACTIONS_MAX = 1_000
_STALE_MAX = 8
_BUDGET_S = 15.0
_PAUSE_S = 0.001
_PAUSE_MAX_S = 0.1

log = structlog.get_logger()


class _Stage(Enum):
    QUEUED = auto()
    COMMITTING = auto()
    WITHDRAWN = auto()


@dataclass(slots=True, eq=False)
class _Waiting:
    change: Change
    answer: asyncio.Future[Posted | Duplicate]
    stage: _Stage = _Stage.QUEUED

    def settle(self, verdict: Verdict) -> None:
        if self.answer.done():
            return
        if isinstance(verdict, WalletError):
            self.answer.set_exception(verdict)
        else:
            self.answer.set_result(verdict)

    def withdraw(self) -> bool:
        """Whether it was still queued, and so will not be done. Nobody waits for its answer any more."""
        if self.stage is _Stage.COMMITTING:
            self.answer.add_done_callback(_look_away)
            return False
        self.stage = _Stage.WITHDRAWN
        return True


class _Knotted(Exception):
    """A batch that stays stale: two of its changes may stand in each other's way."""


class Committer:
    """Gathers changes and commits them in order. One per process; its streams are its own."""

    def __init__(self, store: BatchStore, clock: Clock, random: Random) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._stream = new_id("str")
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._last_at: datetime | None = None
        self._recent = Recent()

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        """Make the change true, and answer when it is durable.

        Raises what the book refuses it for (see ``book.py``); Overloaded when the queue is full or the deadline
        passed while it was queued: definitely not done; OutcomeUnresolved when the deadline passed inside a commit:
        the same change again will tell. A fact is never turned away by a full queue.
        """
        if self._closing or (len(self._queue) >= _QUEUE_MAX and not change.fact):
            raise Overloaded
        waiting = _Waiting(change, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(waiting.answer)
        except TimeoutError:
            raise (Overloaded if waiting.withdraw() else OutcomeUnresolved) from None
        except asyncio.CancelledError:
            waiting.withdraw()
            raise

    async def run(self) -> None:
        """Commit what arrives, until closed and drained."""
        while not (self._closing and not self._queue):
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._gather():
                await self._commit(batch)

    def close(self) -> None:
        """Take nothing more; ``run`` returns when what is queued has been answered."""
        self._closing = True
        self._arrived.set()

    def _gather(self) -> list[_Waiting]:
        """The longest run of queued changes of one book, within the bounds, in the order they came."""
        batch: list[_Waiting] = []
        transactions = 0
        while self._queue and len(batch) < _CHANGES_MAX and transactions < _TRANSACTIONS_MAX:
            if batch and self._queue[0].change.book != batch[0].change.book:
                break
            waiting = self._queue.popleft()
            if waiting.stage is _Stage.WITHDRAWN:
                continue
            waiting.stage = _Stage.COMMITTING
            batch.append(waiting)
            transactions += len(waiting.change.transactions)
        return batch

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            verdicts = await self._decide(batch)
        except (BatchPoisoned, _Knotted) as error:
            await self._isolate(batch, error)
        except Exception as error:
            log.exception("batch-failed", changes=len(batch))
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
        else:
            for waiting, verdict in zip(batch, verdicts, strict=True):
                waiting.settle(verdict)

    async def _isolate(self, batch: Sequence[_Waiting], error: BatchPoisoned | _Knotted) -> None:
        """One change is at fault: halve the batch until it stands alone, and answer it with the error."""
        if len(batch) == 1:
            log.error("change-poisoned", reason=type(error.__cause__ or error).__name__)
            batch[0].answer.set_exception(error)
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])

    async def _decide(self, batch: Sequence[_Waiting]) -> list[Verdict]:
        """The verdicts of a batch that is durably decided. Raises BatchPoisoned or _Knotted: nothing is."""
        changes = [waiting.change for waiting in batch]
        stream_id = stored_id(changes[0].book, self._stream)
        unanswered: dict[str, list[Verdict]] = {}
        give_up_at = asyncio.get_running_loop().time() + _BUDGET_S
        tries = stale = 0
        while asyncio.get_running_loop().time() < give_up_at:
            token = new_id("bat")
            verdicts: list[Verdict] = []
            try:
                state = await self._store.load(changes, self._stream, self._recent if tries == 0 else None)
                if state.head.token in unanswered:
                    return unanswered[state.head.token]
                judged, verdicts = self._judge(changes, state)
                if state.remembered and _is_doubtful(judged, verdicts):
                    state = await self._store.load(changes, self._stream, None)
                    judged, verdicts = self._judge(changes, state)
                # An unanswered attempt may still land, so even a batch of refusals takes its number first.
                if unanswered or any(isinstance(verdict, Posted) for verdict in verdicts):
                    await self._store.write(Batch(changes[0].book, self._stream, token, judged))
                    self._remember(judged, stream_id, token)
            except CommitUnknown:
                unanswered[token] = verdicts
            except BatchStale:
                stale += 1
                if stale >= _STALE_MAX and len(batch) > 1 and not unanswered:
                    raise _Knotted from None
            except BatchTransient:
                pass
            else:
                return verdicts
            tries += 1
            self._recent.forget(everything_named(changes).accounts, stream_id)
            await asyncio.sleep(self._random.uniform(0, min(_PAUSE_MAX_S, _PAUSE_S * 2 ** min(tries, 10))))
        return [OutcomeUnresolved() if unanswered else Overloaded() for _ in batch]

    def _remember(self, judged: Book, stream_id: str, token: str) -> None:
        left = (account for _, account in judged.changed_accounts)
        self._recent.remember(left, stream_id, Head(judged.number, token))

    def _judge(self, changes: Sequence[Change], state: State) -> tuple[Book, list[Verdict]]:
        book = Book(state, self._stream, at=self._instant(state))
        try:
            return book, [book.judge(change) for change in changes]
        except Exception as error:
            raise BatchPoisoned from error  # a change that cannot even be judged

    def _instant(self, state: State) -> datetime:
        """One time per batch, never before anything it follows, so that past balances stay what they were."""
        moments = [self._clock.now(), self._last_at]
        moments.extend(account.updated_at for account in state.accounts.values())
        self._last_at = max(moment for moment in moments if moment is not None)
        return self._last_at


def _is_doubtful(judged: Book, verdicts: Sequence[Verdict]) -> bool:
    """Whether a verdict rests on something that the batch does not write, and so does not guard."""
    return bool(judged.cases) or any(isinstance(verdict, WalletError) for verdict in verdicts)


def _look_away(answer: asyncio.Future[Posted | Duplicate]) -> None:
    """Nobody waits for this answer any more; reading the exception keeps the loop from reporting it as lost."""
    if not answer.cancelled():
        answer.exception()
