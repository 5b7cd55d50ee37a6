"""Holds whose time is over are given back by themselves.

A hold that has expired can be captured by no request from that instant on; this loop gives back what it reserved, soon
after. Doing it twice is doing it once: the release's id is derived from the hold's.
"""

import asyncio

import structlog

from app.clock import Clock
from app.errors import WalletError
from app.ledger import verbs
from app.ledger.committer import Committer
from app.ledger.outcomes import BatchPoisoned
from app.ledger.store import LedgerStore
from app.ledger.transactions import Hold
from app.plumbing.loops import every

_PAGE = 100

log = structlog.get_logger()


class Expiry:
    """Gives expired holds back."""

    def __init__(self, door: Committer, store: LedgerStore, clock: Clock, *, poll_s: float) -> None:
        self._door = door
        self._store = store
        self._clock = clock
        self._poll_s = poll_s
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Take up nothing more."""
        self._closed.set()

    async def run(self) -> None:
        """Give back what is due, until closed."""
        await every(self._poll_s, self.sweep, self._closed)

    async def sweep(self) -> int:
        """Give back every hold that is due now, a page at a time; how many were.

        One that cannot be given back keeps nobody behind it waiting; it is due again at the next sweep.
        """
        released, last = 0, None
        now = self._clock.now()
        while page := await self._store.due_holds(now, last, _PAGE):
            async with asyncio.TaskGroup() as group:
                releases = [group.create_task(self._release(hold)) for hold in page]
            released += sum(each.result() for each in releases)
            last = page[-1]
        return released

    async def _release(self, hold: Hold) -> bool:
        try:
            await verbs.expire_hold(self._door, self._store, hold.id)
        except (WalletError, BatchPoisoned) as error:
            log.warning("hold-not-released", hold_id=hold.id, reason=type(error).__name__)
            return False
        return True
