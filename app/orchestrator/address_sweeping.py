"""Customers' deposit addresses, looked at now and then: coins whose webhook was lost are found in the chain's history.

The vendor gives a delivery up after a few attempts, and says nothing of it. What is found arrives as if it had been
told; a transaction's own id makes it the same deposit.
"""

import asyncio
from collections.abc import Sequence

import structlog

from app.clock import Clock
from app.orchestrator.arrivals import Arrivals
from app.plumbing.loops import every
from app.providers.chain_ports import Movement, ReceivesCoins
from app.providers.outcomes import ProviderOutcome
from app.wallets.address_looks import AddressLooks, Looked

_ADDRESSES_MAX = 100
"""How many addresses one round looks at; whoever is left over comes first in the next."""
_PAGES_MAX = 20

log = structlog.get_logger()


class AddressSweeping:
    """Looks at what is due, as often as a new address wants it."""

    def __init__(self, looks: AddressLooks, receiving: ReceivesCoins, arrivals: Arrivals, clock: Clock) -> None:
        self._looks = looks
        self._receiving = receiving
        self._arrivals = arrivals
        self._clock = clock
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    async def run(self) -> None:
        """Look, until closed."""
        await every(self._looks.first_pause.total_seconds(), self.sweep, self._closed)

    async def sweep(self) -> int:
        """Look at every address whose turn it is; how many deposits nobody had told us of."""
        found = 0
        for looked in await self._looks.due(_ADDRESSES_MAX):
            try:
                found += await self._look(looked)
            except ProviderOutcome as outcome:
                log.warning("sweep-cut-short", provider=outcome.provider, reason=outcome.reason)
                await self._looks.failed(looked)
        if found:
            log.warning("webhooks-missed", provider="tatum", count=found)
        return found

    async def _look(self, looked: Looked) -> int:
        newest, new = await self._unseen(looked)
        missed, waiting = 0, set[str]()
        for tx_id in new:
            began_at = self._clock.now()
            deposits = await self._arrivals.find(looked.chain, tx_id)
            if deposits is None:
                waiting.add(tx_id)
            else:
                missed += sum(deposit.created_at >= began_at for deposit in deposits)
        await self._looks.found(looked, [tx_id for tx_id in newest if tx_id not in waiting])
        return missed

    async def _unseen(self, looked: Looked) -> tuple[Sequence[str], Sequence[str]]:
        """What came in, newest first: the newest page whole, and everything the last look did not see."""
        newest: Sequence[str] = ()
        new: dict[str, None] = {}
        lines = 0
        for _ in range(_PAGES_MAX):
            page = await self._receiving.history(looked.chain, looked.address, lines)
            came_in = _incoming(page)
            newest = newest if lines else came_in
            new |= dict.fromkeys(tx_id for tx_id in came_in if tx_id not in looked.seen)
            lines += len(page)
            if not page or not looked.seen.isdisjoint(came_in):
                return newest, tuple(new)
        log.warning("sweep-cut-short", provider="tatum", reason="too-many-lines")
        return newest, tuple(new)


def _incoming(page: Sequence[Movement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(movement.tx_id for movement in page if movement.incoming))
