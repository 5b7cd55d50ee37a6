"""Watching the treasury's EVM addresses for a nonce that nothing is mined with, while others wait behind it.

Nothing is decided by one look: the chain's count must have stood still for ``PATIENCE``. What holds the others up is
then replaced, at twice the price each time, because a pool wants a tenth more at least; a bounded number of times. Why
that is safe is said in ``flows/nonce_fill.py``.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from app.clock import Clock
from app.identity.principals import DEFAULT_TENANT
from app.orchestrator.flows.chain import TATUM
from app.orchestrator.flows.nonce_fill import NONCE_FILL, NonceFill
from app.orchestrator.starting import Asked, Flows
from app.orchestrator.store import SagaStore
from app.orchestrator.treasury import address_id
from app.orchestrator.treasury_store import TreasuryStore
from app.plumbing.loops import every
from app.providers.chain_ports import SendsCoins
from app.providers.outcomes import ProviderOutcome
from app.providers.tatum.addresses import canonical_address
from app.providers.tatum.chains import CHAINS

PATIENCE = timedelta(minutes=30)
ATTEMPTS_MAX = 4
EVERY_S = 60.0
_OPEN_MAX = ATTEMPTS_MAX + 1
_OPEN = ["sending", "unknown", "confirmed"]

log = structlog.get_logger()


class Unblocking:
    """Looks every ``EVERY_S`` seconds; ``chains`` are those that have a wallet."""

    def __init__(
        self,
        flows: Flows,
        sagas: SagaStore,
        treasury: TreasuryStore,
        coins: SendsCoins,
        clock: Clock,
        chains: Sequence[str],
    ) -> None:
        self._flows = flows
        self._sagas = sagas
        self._treasury = treasury
        self._coins = coins
        self._clock = clock
        self._chains = [name for name in chains if CHAINS[name].family == "evm"]
        self._stood: dict[str, tuple[int, datetime]] = {}
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
        mined, now = await self._coins.next_nonce(chain), self._clock.now()
        numbering, _ = await self._treasury.numbering(address_id(chain, self._coins.treasury(chain)), mined)
        if numbering is None or mined >= numbering["next"]:
            self._stood.pop(chain, None)
            return
        stood_at, since = self._stood.get(chain, (-1, now))
        if stood_at == mined:
            if now < since + PATIENCE:
                return
            await self._fill(chain, mined, is_last=mined + 1 == numbering["next"])
        self._stood[chain] = (mined, now)

    async def _fill(self, chain: str, nonce: int, *, is_last: bool) -> None:
        """Start filling the nonce, unless somebody is about to use it, or has lately begun to."""
        address = self._coins.treasury(chain)
        query = {"provider": TATUM, "request.chain": chain, "request.nonce": nonce}
        using = await self._sagas.effects_where({**query, "status": {"$in": _OPEN}}, _OPEN_MAX)
        if any(each.approved_ref is None or each.first_sent_at > self._clock.now() - PATIENCE for each in using):
            return
        returned = await self._treasury.returned(address_id(chain, address), nonce)
        if returned is not None and is_last:
            return  # the next send takes it
        attempt = len(
            await self._sagas.effects_where({**query, "request.gas_percent": {"$exists": True}}, ATTEMPTS_MAX)
        )
        if attempt == ATTEMPTS_MAX:
            log.warning("nonce-stuck", reason=chain, count=nonce)
            return
        fill = NonceFill(
            chain=chain,
            address=canonical_address(chain, address),
            nonce=nonce,
            gas_percent=100 * 2 ** len(using),
            returned_id=returned["_id"] if returned else "",
        )
        await self._start(fill, attempt)

    async def _start(self, fill: NonceFill, attempt: int) -> None:
        """In the house's own book; two workers that see the same start one saga."""
        content = {"chain": fill.chain, "address": fill.address, "nonce": fill.nonce, "attempt": attempt}
        asked = Asked(DEFAULT_TENANT, "", ":".join(map(str, content.values())), content)

        async def prepare(_saga_id: str) -> NonceFill:
            return fill

        await self._flows.start(NONCE_FILL, asked, prepare)
        log.warning("nonce-filled", reason=fill.chain, count=fill.nonce)
