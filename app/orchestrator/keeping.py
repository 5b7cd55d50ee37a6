"""What outside steps may read of the house itself, out of the stores that keep it."""

from dataclasses import dataclass

from app.ledger.accounts import Account
from app.ledger.store import LedgerStore
from app.orchestrator.store import SagaStore
from app.orchestrator.watch_store import WatchStore
from app.orchestrator.watches import WatchRecord


@dataclass(frozen=True, slots=True)
class Keeping:
    """Satisfies ``Kept``."""

    ledger: LedgerStore
    sagas: SagaStore
    watches: WatchStore

    async def account(self, account_id: str) -> Account | None:
        """The account as it is."""
        return await self.ledger.account(account_id)

    async def saga_status(self, saga_id: str) -> str | None:
        """What callers are told of that saga."""
        saga = await self.sagas.saga(saga_id)
        return saga.status if saga else None

    async def watch(self, watch_id: str) -> WatchRecord | None:
        """The watch as it is."""
        return await self.watches.watch(watch_id)
