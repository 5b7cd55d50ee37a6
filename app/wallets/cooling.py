"""New bank links and new addresses rest before they can be used: whoever takes over a customer's device finds nothing
they can empty it to at once, and the customer has the time to notice.

When something was first seen is stored once and never moves, so it is judged as an order is accepted and holds. An
address is first seen by the order that is refused for it. A rest of nothing is no rest, and then nothing is stored.
"""

from datetime import datetime, timedelta

from app.clock import Clock, rfc3339
from app.errors import CoolingPeriod, StaleGuard
from app.ids import derived_id, stored_id
from app.ledger.changes import ABSENT, Change, Companion, Door
from app.wallets.bank_links import BankLink
from app.wallets.payee_store import PAYEES, PayeeStore


class Cooling:
    """Knows how long each kind rests."""

    def __init__(
        self, store: PayeeStore, door: Door, clock: Clock, *, bank_link: timedelta, address: timedelta
    ) -> None:
        self._store = store
        self._door = door
        self._clock = clock
        self._bank_link = bank_link
        self._address = address

    def require_rested_link(self, link: BankLink) -> None:
        """Raise CoolingPeriod while the link is new."""
        if self._bank_link:
            self._require("bank link", link.created_at + self._bank_link)

    async def require_rested_address(self, book: str, user_id: str, chain: str, address: str) -> None:
        """Raise CoolingPeriod while that address, in its canonical form, is new to this customer."""
        if not self._address:
            return
        payee_id = stored_id(book, derived_id("pay", book, user_id, chain, address))
        seen_at = await self._store.first_seen_at(payee_id) or await self._see(book, user_id, chain, payee_id)
        self._require("address", seen_at + self._address)

    async def _see(self, book: str, user_id: str, chain: str, payee_id: str) -> datetime:
        now = self._clock.now()
        payee = {"user_id": user_id, "chain": chain, "first_seen_at": now, "version": 1}
        try:
            await self._door.submit(Change(book, companions=(Companion(PAYEES, payee_id, ABSENT, payee),)))
        except StaleGuard:  # seen by another order at the same moment
            return await self._store.first_seen_at(payee_id) or now
        return now

    def _require(self, what: str, until: datetime) -> None:
        if self._clock.now() < until:
            raise CoolingPeriod(what, rfc3339(until))
