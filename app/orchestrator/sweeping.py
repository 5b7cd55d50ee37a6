"""The bank's list of events, swept now and then: a webhook that never came is found there, and one that came is known.

The bank stops delivering to a wallet that was away for days, and says nothing of it. What is found goes into the inbox
like a delivery; an event's own id makes it the same one.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from app.clock import Clock
from app.inbox.inbox import Inbox
from app.providers.bank_ports import TellsEvents
from app.providers.outcomes import ProviderOutcome

FIRST_LOOK_BACK = timedelta(days=7)
"""As long as the bank goes on trying before it gives a wallet up."""

_OVERLAP = timedelta(minutes=10)
"""Two clocks differ, and an event is listed a little later than it happened."""

_EVENTS_MAX = 10_000

log = structlog.get_logger()


class Sweeping:
    """Looks through the bank's list every ``every_s`` seconds."""

    def __init__(self, bank: TellsEvents, inbox: Inbox, clock: Clock, *, every_s: float) -> None:
        self._bank = bank
        self._inbox = inbox
        self._clock = clock
        self._every_s = every_s
        self._swept_at: datetime | None = None
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Sweep no more."""
        self._closed.set()

    async def run(self) -> None:
        """Sweep, until closed."""
        while not self._closed.is_set():
            await self.sweep()
            try:
                async with asyncio.timeout(self._every_s):
                    await self._closed.wait()
            except TimeoutError:
                continue

    async def sweep(self) -> int:
        """Take in what the last sweep has not seen; how many events were new.

        When the bank does not answer midway, the next sweep begins where this one did.
        """
        began_at = self._clock.now()
        since = self._swept_at - _OVERLAP if self._swept_at else began_at - FIRST_LOOK_BACK
        seen = found = 0
        try:
            while seen < _EVENTS_MAX and (page := await self._bank.events_since(since, seen)):
                found += await self._inbox.receive(page)
                seen += len(page)
        except ProviderOutcome as outcome:
            log.warning("sweep-cut-short", provider=outcome.provider, reason=outcome.reason)
            return found
        self._swept_at = began_at
        if found:
            log.warning("webhooks-missed", provider="unit", count=found)
        return found
