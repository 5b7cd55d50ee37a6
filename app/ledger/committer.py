"""The one door. Whoever wants durable state to change submits a Change here and gets a verdict.

No timer: while one batch commits, the next gathers by itself. An idle system therefore adds no latency, and a busy one
makes large batches; an account that everybody touches is written once per batch, so it is no slower than any other.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from app.errors import OutcomeUnresolved, Overloaded, WalletError
from app.ledger.book import Verdict
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.deciding import Decider, Knotted
from app.ledger.outcomes import BatchPoisoned
from app.ledger.streams import LEASE_S

_QUEUE_MAX = 4_096
_CHANGES_MAX = 256
_TRANSACTIONS_MAX = 1_000
_RENEW_S = LEASE_S / 3

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


class Committer:
    """Gathers changes and commits them in order. One per process; its streams are its own."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._renew_at_s = 0.0

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
        """Commit what arrives, until closed and drained; keep the streams' leases alive, and give them back."""
        while not (self._closing and not self._queue):
            await self._wait()
            self._arrived.clear()
            while batch := self._gather():
                await self._commit(batch)
                await self._renew_in_time()
            await self._renew_in_time()
        await self._decider.give_back()

    async def _wait(self) -> None:
        """Until something arrives, or the leases want renewing."""
        try:
            async with asyncio.timeout(_RENEW_S):
                await self._arrived.wait()
        except TimeoutError:
            return

    async def _renew_in_time(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._renew_at_s:
            self._renew_at_s = now + _RENEW_S
            await self._decider.keep_alive()

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
            verdicts = await self._decider.decide([waiting.change for waiting in batch])
        except (BatchPoisoned, Knotted) as error:
            await self._isolate(batch, error)
        except Exception as error:
            log.exception("batch-failed", changes=len(batch))
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
        else:
            for waiting, verdict in zip(batch, verdicts, strict=True):
                waiting.settle(verdict)

    async def _isolate(self, batch: Sequence[_Waiting], error: BatchPoisoned | Knotted) -> None:
        """One change is at fault: halve the batch until it stands alone, and answer it with the error."""
        if len(batch) == 1:
            log.error("change-poisoned", reason=type(error.__cause__ or error).__name__)
            batch[0].answer.set_exception(error)
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])


def _look_away(answer: asyncio.Future[Posted | Duplicate]) -> None:
    """Nobody waits for this answer any more; reading the exception keeps the loop from reporting it as lost."""
    if not answer.cancelled():
        answer.exception()
