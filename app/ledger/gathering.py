"""What waits at the door, and which of it may go together. No I/O.

Changes of one book that are waiting right now make a batch. Two batches may be under way beside each other as long as
they share nothing; of the changes that share something the earlier goes first, always.
"""

import asyncio
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto

from app.errors import WalletError
from app.ledger.book import Verdict
from app.ledger.changes import Change, Duplicate, Posted

_CHANGES_MAX = 256
_TRANSACTIONS_MAX = 1_000
_LOOKED_AT_MAX = 1_024
"""How many waiting changes are looked at for one batch."""


class Stage(Enum):
    """How far a change has come."""

    QUEUED = auto()
    COMMITTING = auto()
    WITHDRAWN = auto()


@dataclass(slots=True, eq=False)
class Waiting:
    """A change on its way to a verdict. ``keys`` name everything that it reads or writes."""

    change: Change
    answer: asyncio.Future[Posted | Duplicate]
    keys: frozenset[str]
    stage: Stage = Stage.QUEUED

    def settle(self, verdict: Verdict) -> None:
        """Answer the caller, unless they have gone."""
        if self.answer.done():
            return
        if isinstance(verdict, WalletError):
            self.answer.set_exception(verdict)
        else:
            self.answer.set_result(verdict)

    def withdraw(self) -> bool:
        """Whether it was still queued, and so will not be done. Nobody waits for its answer any more."""
        if self.stage is Stage.COMMITTING:
            self.answer.add_done_callback(_look_away)
            return False
        self.stage = Stage.WITHDRAWN
        return True


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
            if waiting.stage is Stage.WITHDRAWN:
                continue
            elsewhere = bool(batch) and waiting.change.book != batch[0].change.book
            left = len(batch) >= share and taken.isdisjoint(waiting.keys)
            if elsewhere or left or not blocked.isdisjoint(waiting.keys):
                staying.append(waiting)
                blocked |= waiting.keys
                continue
            waiting.stage = Stage.COMMITTING
            batch.append(waiting)
            taken |= waiting.keys
            transactions += len(waiting.change.transactions)
        self._waiting.extendleft(reversed(staying))
        return batch


def _look_away(answer: asyncio.Future[Posted | Duplicate]) -> None:
    """Nobody waits for this answer any more; reading the exception keeps the loop from reporting it as lost."""
    if not answer.cancelled():
        answer.exception()
