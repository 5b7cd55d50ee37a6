"""Vendors' lists of events, swept now and then: a webhook that never came is found there, and one that came is known.

A vendor stops delivering to a wallet that was away for days, and says nothing of it. What is found goes into the inbox
like a delivery; an event's own id makes it the same one. How far a list was swept outlives the process.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from app.clock import Clock
from app.errors import StaleGuard
from app.inbox.inbox import Inbox
from app.ledger.changes import Change, Door
from app.orchestrator.scribe import INBOX_BOOK
from app.orchestrator.sweep_store import SweepStore, Swept
from app.plumbing.loops import every
from app.providers.bank_ports import TellsEvents
from app.providers.outcomes import ProviderOutcome

FIRST_LOOK_BACK = timedelta(days=7)
"""As long as the bank goes on trying before it gives a wallet up."""

_OVERLAP = timedelta(minutes=10)
"""Two clocks differ, and an event is listed a little later than it happened."""

log = structlog.get_logger()


class Sweeping:
    """Looks through every vendor's list every ``every_s`` seconds."""

    def __init__(
        self,
        lists: Mapping[str, TellsEvents],
        store: SweepStore,
        inbox: Inbox,
        door: Door,
        clock: Clock,
        *,
        every_s: float,
    ) -> None:
        self._lists = lists
        self._store = store
        self._inbox = inbox
        self._door = door
        self._clock = clock
        self._every_s = every_s
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Sweep no more."""
        self._closed.set()

    async def run(self) -> None:
        """Sweep, until closed."""
        await every(self._every_s, self.sweep, self._closed)

    async def sweep(self) -> int:
        """Take in what the last sweeps have not seen, of all vendors side by side; how many events were new."""
        async with asyncio.TaskGroup() as group:
            sweeps = [group.create_task(self._sweep(vendor)) for vendor in self._lists]
        return sum(sweep.result() for sweep in sweeps)

    async def _sweep(self, vendor: str) -> int:
        """One vendor's. When it does not answer midway, the next sweep begins where this one did."""
        began_at = self._clock.now()
        swept = await self._store.swept(vendor, began_at - FIRST_LOOK_BACK)
        found = 0
        try:
            async for page in self._lists[vendor].events_since(swept.at - _OVERLAP):
                found += await self._inbox.receive(page)
        except ProviderOutcome as outcome:
            log.warning("sweep-cut-short", provider=vendor, reason=outcome.reason)
            return found
        await self._keep(swept, began_at)
        if found:
            log.warning("webhooks-missed", provider=vendor, count=found)
        return found

    async def _keep(self, swept: Swept, at: datetime) -> None:
        try:
            await self._door.submit(Change(INBOX_BOOK, companions=(swept.moved_to(at),), fact=True))
        except StaleGuard:
            return  # another worker has swept the same meanwhile
