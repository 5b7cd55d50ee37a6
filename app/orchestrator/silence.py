"""Vendors that should have told something, and have not.

Nobody need tell anything while nothing is asked of them; so a silence begins with the first call that a vendor took on
since it was last heard. What their lists of events give away counts as heard: that somebody has stopped delivering is
told by the sweeps. Vendors on whom only people's own pace depends, the verifier, the bank link and the conversations,
owe us nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from app.clock import Clock
from app.orchestrator.silence_store import SilenceStore
from app.plumbing.loops import every

USUAL: Mapping[str, timedelta] = {
    "unit": timedelta(minutes=15),  # a payment is told when it is created
    "tatum": timedelta(hours=1),  # the key daemon asks, signs and reports; a person may have to unlock it
    "stripe": timedelta(hours=2),  # a customer may take an hour to confirm, then the payment is cancelled
}
"""How long each may take from a call to the first event after it."""

_LOOK_EVERY_S = 60.0

log = structlog.get_logger()


class Silence:
    """Looks after the vendors' silence, and says once of each that it lasts longer than usual."""

    def __init__(self, store: SilenceStore, clock: Clock, show: Callable[[str, timedelta], None]) -> None:
        self._store = store
        self._clock = clock
        self._show = show
        self._told: set[str] = set()
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    async def run(self) -> None:
        """Look every minute, until closed."""
        await every(_LOOK_EVERY_S, self.look, self._closed)

    async def look(self) -> None:
        """Show how long every vendor has owed us an event; no time where it owes none."""
        for vendor, usual in USUAL.items():
            since = await self._store.owes_since(vendor)
            silent = timedelta(0) if since is None else self._clock.now() - since
            self._show(vendor, silent)
            if silent <= usual:
                self._told.discard(vendor)
            elif vendor not in self._told:
                self._told.add(vendor)
                log.warning("vendor-silent", provider=vendor, duration_ms=silent // timedelta(milliseconds=1))
