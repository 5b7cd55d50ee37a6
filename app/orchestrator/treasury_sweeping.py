"""The treasury's own history on every chain, looked at now and then: coins may leave without anybody telling us.

Who signs with our key elsewhere sends no webhook. What is found is accounted for like what is told (``departures.py``).
The first look at a chain is where the books begin: what had left before is nobody's to explain.
"""

import asyncio
from collections.abc import Sequence

import structlog

from app.clock import Clock
from app.errors import StaleGuard
from app.ledger.changes import Change, Door
from app.orchestrator.departures import Departures
from app.orchestrator.scribe import INBOX_BOOK
from app.orchestrator.sweep_store import SweepStore, Swept
from app.plumbing.loops import every
from app.providers.outcomes import ProviderOutcome
from app.providers.registry import Providers
from app.providers.tatum.chains import CHAINS

EVERY_S = 60.0

log = structlog.get_logger()


class TreasurySweeping:
    """Looks every ``EVERY_S`` seconds; ``chains`` are those that have a wallet."""

    def __init__(
        self,
        departures: Departures,
        sweeps: SweepStore,
        door: Door,
        providers: Providers,
        clock: Clock,
        chains: Sequence[str],
    ) -> None:
        self._departures = departures
        self._sweeps = sweeps
        self._door = door
        self._coins = providers.coins
        self._receiving = providers.receiving
        self._clock = clock
        self._chains = chains
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    async def run(self) -> None:
        """Look, until closed."""
        await every(EVERY_S, self.look, self._closed)

    async def look(self) -> None:
        """Look at every chain; one that cannot be read is looked at next time."""
        for chain in self._chains:
            try:
                await self._look(chain)
            except ProviderOutcome as outcome:
                log.warning("sweep-cut-short", provider=outcome.provider, reason=outcome.reason)

    async def _look(self, chain: str) -> None:
        """The newest page. What is not in a block yet, or its saga's to find, is looked at again."""
        swept = await self._sweeps.swept(f"treasury.{chain}", self._clock.now())
        page = await self._left(chain)
        new = [tx_id for tx_id in page if tx_id not in swept.seen]
        waiting = set[str]()
        if swept.version:
            if swept.seen and len(new) == len(page):
                log.warning("sweep-cut-short", provider="tatum", reason="too-many-lines")
            waiting.update([tx_id for tx_id in new if not await self._departures.find(chain, tx_id)])
        if new or not swept.version:
            await self._keep(swept, [tx_id for tx_id in page if tx_id not in waiting])

    async def _left(self, chain: str) -> list[str]:
        """The transactions that have lately left the treasury's address, newest first."""
        if CHAINS[chain].family == "utxo":
            return [each.tx_id for each in await self._coins.spenders(chain)]
        page = await self._receiving.history(chain, self._coins.treasury(chain))
        return list(dict.fromkeys(line.tx_id for line in page if not line.incoming))

    async def _keep(self, swept: Swept, seen: Sequence[str]) -> None:
        companion = swept.moved_to(self._clock.now(), seen)
        try:
            await self._door.submit(Change(INBOX_BOOK, companions=(companion,), fact=True))
        except StaleGuard:
            return  # another worker has looked at the same meanwhile
