"""What the wallets' tests begin with: a bank of rates that says what it is told, and the collections they need."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from app.clock import ManualClock
from app.identity import store as users_store
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.money import BTC, Asset, Money
from app.plumbing.collections import CollectionSpec, ensure_collections
from app.providers.outcomes import ProviderOutcome
from app.providers.tatum.chains import CHAINS
from app.wallets import store as wallet_store
from app.wallets.quotes import Quotes
from app.wallets.store import WalletStore
from tests.ledger.given import BOOK, ledger_in, open_door

AT = datetime(2026, 11, 20, 5, tzinfo=UTC)
Database = AsyncDatabase[dict[str, Any]]
COLLECTIONS: Iterable[CollectionSpec] = (*wallet_store.COLLECTIONS, *users_store.COLLECTIONS)


class Rates:
    """Quotes the price and the fee it was given; ``trouble`` is raised instead."""

    def __init__(self, price: str = "97000", fee_satoshi: int = 825) -> None:
        self.price = Decimal(price)
        self.fee = Money(fee_satoshi, BTC)
        self.trouble: ProviderOutcome | None = None

    async def rate(self, base: Asset, quote: Asset) -> Decimal:  # noqa: ARG002 - the port's
        if self.trouble:
            raise self.trouble
        return self.price

    async def network_fee(self, chain: str, to: str | None, amount: Money | None = None) -> Money:  # noqa: ARG002 - the port's
        return self.fee


@dataclass(frozen=True, slots=True)
class Till:
    """An open door, the stores behind it, and quotes at a clock that stands still."""

    door: Committer
    ledger: LedgerStore
    wallets: WalletStore
    database: Database
    clock: ManualClock
    rates: Rates

    def quotes(self, *, fee_bps: int = 150, lifetime_s: float = 60) -> Quotes:
        return Quotes(
            self.wallets,
            self.door,
            self.rates,
            self.clock,
            purchase_fee_bps=fee_bps,
            sale_fee_bps=fee_bps,
            lifetime_s=lifetime_s,
            served=CHAINS,
        )


@asynccontextmanager
async def open_till(database: Database) -> AsyncIterator[Till]:
    ledger, clock = await ledger_in(database), ManualClock(AT)
    await ensure_collections(database, COLLECTIONS)
    async with open_door(ledger, clock) as door:
        yield Till(door, ledger, WalletStore(database), database, clock, Rates())


__all__ = ["AT", "BOOK", "Rates", "Till", "open_till"]
