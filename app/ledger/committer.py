"""The one door. Whoever wants durable state to change submits a Change here and gets a verdict.

No timer: while one batch commits, the next gathers by itself. An idle system therefore adds no latency, and a busy one
makes large batches; an account that everybody touches is written once per batch, so it is no slower than any other.

There are a few lanes, each with a stream of its own: while the server writes one batch, this process prepares another
that shares nothing with it. A batch beside another is begun only when enough waits to be worth it.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from app.errors import Overloaded, WalletError
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.deciding import Decider, Knotted
from app.ledger.gathering import Queue, Waiting
from app.ledger.outcomes import BatchPoisoned
from app.ledger.streams import LEASE_S
from app.ledger.wanted import touched

_QUEUE_MAX = 4_096
_WORTH_A_LANE = 32
_RENEW_S = LEASE_S / 3

log = structlog.get_logger()


class Committer:
    """Gathers changes and commits them in order. One per process; its streams are its own."""

    def __init__(self, lanes: Sequence[Decider], observe_batch: Callable[[int], None] | None = None) -> None:
        self._lanes = lanes
        self._observe_batch = observe_batch
        self._queue = Queue()
        self._arrived = asyncio.Event()
        self._busy: set[str] = set()
        self._committing = 0
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many changes are queued."""
        return len(self._queue)

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        """Make the change true, and answer when it is durable.

        Raises what the book refuses it for (see ``book.py``); Overloaded when the queue is full or the deadline
        passed while it was queued: definitely not done; OutcomeUnresolved when the deadline passed inside a commit:
        the same change again will tell. A fact is never turned away by a full queue.
        """
        waiting = self._enqueue(change)
        expiry = asyncio.get_running_loop().call_later(deadline_s, waiting.expire)
        try:
            return await waiting.answer
        finally:
            expiry.cancel()

    async def submit_all(
        self, changes: Sequence[Change], *, deadline_s: float = 10.0
    ) -> list[Posted | Duplicate | WalletError]:
        """Submit changes together; a verdict on each, in order: what ``submit`` would return or raise for it."""
        waiting = [self._enqueue(change) for change in changes]
        try:
            if waiting:
                await asyncio.wait([each.answer for each in waiting], timeout=deadline_s)
            for each in waiting:
                each.expire()
            return [_verdict_of(each) for each in waiting]
        finally:
            for each in waiting:
                each.answer.cancel()  # where the caller left

    def _enqueue(self, change: Change) -> Waiting:
        """The change in the queue, or already answered where there is no place for it."""
        waiting = Waiting(change, asyncio.get_running_loop().create_future(), touched(change))
        if self._closing or (len(self._queue) >= _QUEUE_MAX and not change.fact):
            waiting.settle(Overloaded())
        else:
            self._queue.put(waiting)
            self._arrived.set()
        return waiting

    async def run(self) -> None:
        """Commit what arrives, until closed and drained; keep the streams' leases alive, and give them back."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._work(lane))

    def close(self) -> None:
        """Take nothing more; ``run`` returns when what is queued has been answered."""
        self._closing = True
        self._arrived.set()

    async def _work(self, lane: Decider) -> None:
        renew_at_s = 0.0
        while not (self._closing and not self._queue):
            batch = self._gather(lane)
            if batch:
                await self._commit_beside(lane, batch)
            else:
                await self._wait()
            now_s = asyncio.get_running_loop().time()
            if now_s >= renew_at_s:
                renew_at_s = now_s + _RENEW_S
                await lane.keep_alive()
        await lane.give_back()

    def _gather(self, lane: Decider) -> list[Waiting]:
        """A batch, if it is this lane's turn: of what waits its share, where other lanes can have the rest."""
        self._arrived.clear()
        waiting = len(self._queue)
        if waiting < _WORTH_A_LANE and (self._committing or lane is not self._lanes[0]):
            return []
        free = len(self._lanes) - self._committing
        return self._queue.take(self._busy, max(_WORTH_A_LANE, -(-waiting // free)))

    async def _wait(self) -> None:
        """Until something arrives, a lane is done, or the leases want renewing."""
        try:
            async with asyncio.timeout(_RENEW_S):
                await self._arrived.wait()
        except TimeoutError:
            return

    async def _commit_beside(self, lane: Decider, batch: Sequence[Waiting]) -> None:
        keys = frozenset[str]().union(*(waiting.keys for waiting in batch))
        self._busy |= keys
        self._committing += 1
        if self._observe_batch is not None:
            self._observe_batch(len(batch))
        self._arrived.set()  # the other lane may take what is left
        try:
            await self._commit(lane, batch)
        finally:
            self._busy -= keys
            self._committing -= 1
            self._arrived.set()
        await asyncio.sleep(0)  # those who were answered may ask again before the next batch is gathered

    async def _commit(self, lane: Decider, batch: Sequence[Waiting]) -> None:
        try:
            verdicts = await lane.decide([waiting.change for waiting in batch])
        except (BatchPoisoned, Knotted) as error:
            await self._isolate(lane, batch, error)
        except Exception as error:
            log.exception("batch-failed", changes=len(batch))
            for waiting in batch:
                waiting.fail(error)
        else:
            for waiting, verdict in zip(batch, verdicts, strict=True):
                waiting.settle(verdict)

    async def _isolate(self, lane: Decider, batch: Sequence[Waiting], error: BatchPoisoned | Knotted) -> None:
        """One change is at fault: halve the batch until it stands alone, and answer it with the error."""
        if len(batch) == 1:
            log.error("change-poisoned", reason=type(error.__cause__ or error).__name__)
            batch[0].fail(error)
            return
        middle = len(batch) // 2
        await self._commit(lane, batch[:middle])
        await self._commit(lane, batch[middle:])


def _verdict_of(waiting: Waiting) -> Posted | Duplicate | WalletError:
    """A settled answer; a refusal is one, any other exception is raised."""
    failure = waiting.answer.exception()
    if failure is None:
        return waiting.answer.result()
    if isinstance(failure, WalletError):
        return failure
    raise failure
