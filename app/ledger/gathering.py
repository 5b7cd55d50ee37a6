"""What waits at the door, and which of it may go together. No I/O.

Changes of one book that are waiting right now make a batch. Two batches may be under way beside each other as long as
they share nothing; of the changes that share something the earlier goes first, always.
"""

import asyncio
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.errors import OutcomeUnresolved, Overloaded, WalletError
from app.ledger.book import Verdict
from app.ledger.changes import Change, Duplicate, Posted

_CHANGES_MAX = 256
_TRANSACTIONS_MAX = 1_000
_LOOKED_AT_MAX = 1_024
"""How many waiting changes are looked at for one batch."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A change on its way to a verdict. ``keys`` name everything that it reads or writes.

    Once ``answer`` is done nobody waits any more: with a verdict, because its time was over, or because they left.
    """

    change: Change
    answer: asyncio.Future[Posted | Duplicate]
    keys: frozenset[str]
    committing: bool = False

    def settle(self, verdict: Verdict) -> None:
        """Answer the caller, unless they have gone."""
        if isinstance(verdict, WalletError):
            self.fail(verdict)
        elif not self.answer.done():
            self.answer.set_result(verdict)

    def fail(self, error: Exception) -> None:
        """Tell the caller what stands in the way, unless they have gone."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def expire(self) -> None:
        """Its time is over: while it is queued it will not be done; inside a commit nobody can say yet."""
        self.settle(OutcomeUnresolved() if self.committing else Overloaded())


class Queue:
    """Changes in the order they came."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, waiting: Waiting) -> None:
        """Add one at the end."""
        self._waiting.append(waiting)

    def take(self, busy: AbstractSet[str], share: int) -> list[Waiting]:
        """A batch of one book: what shares nothing with ``busy``, nor with anything that came earlier and stays.

        ``share`` is how many to take; beyond it only those that share something with the batch, and so could not go
        beside it anyway.
        """
        batch: list[Waiting] = []
        staying: list[Waiting] = []
        blocked, taken = set(busy), set[str]()
        transactions = 0
        for _ in range(min(len(self._waiting), _LOOKED_AT_MAX)):
            if len(batch) >= _CHANGES_MAX or transactions >= _TRANSACTIONS_MAX:
                break
            waiting = self._waiting.popleft()
            if waiting.answer.done():
                continue
            elsewhere = bool(batch) and waiting.change.book != batch[0].change.book
            left = len(batch) >= share and taken.isdisjoint(waiting.keys)
            if elsewhere or left or not blocked.isdisjoint(waiting.keys):
                staying.append(waiting)
                blocked |= waiting.keys
                continue
            waiting.committing = True
            batch.append(waiting)
            taken |= waiting.keys
            transactions += len(waiting.change.transactions)
        self._waiting.extendleft(reversed(staying))
        return batch
