"""When a deposit address is looked at by itself, because a webhook may have been lost.

Often while coins are likely: just after it was asked for, and after something came in. Each look that finds nothing
doubles the pause, so that an address nobody uses costs a request a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.clock import Clock
from app.errors import StaleGuard
from app.ids import book_of
from app.ledger.changes import Change, Companion, Door
from app.wallets.address_store import ADDRESSES, AddressStore

LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Looked:
    """An address whose turn it is. ``seen``: the transactions that its last look found newest."""

    id: str
    chain: str
    address: str
    seen: frozenset[str]
    pause: timedelta
    version: int


class AddressLooks:
    """Whose turn it is, and what the last look found."""

    def __init__(self, store: AddressStore, door: Door, clock: Clock, first_pause: timedelta) -> None:
        self._store = store
        self._door = door
        self._clock = clock
        self.first_pause = first_pause

    def first(self) -> dict[str, Any]:
        """The fields of an address that somebody is about to use."""
        return self._after(self.first_pause)

    async def due(self, limit: int) -> Sequence[Looked]:
        """The addresses to be looked at by now, the longest due first."""
        return [_looked(document) for document in await self._store.due_for_look(self._clock.now(), limit)]

    async def found(self, looked: Looked, seen: Sequence[str]) -> None:
        """Look again soon if there was anything new, and otherwise after twice the pause."""
        is_new = not looked.seen.issuperset(seen)
        pause = self.first_pause if is_new else min(looked.pause * 2, LONGEST_PAUSE)
        await self._keep(looked, pause, {"seen": list(seen)})

    async def failed(self, looked: Looked) -> None:
        """Look again after the same pause: nothing was learnt."""
        await self._keep(looked, looked.pause, {})

    async def _keep(self, looked: Looked, pause: timedelta, fields: dict[str, Any]) -> None:
        """Unless another worker has looked, or the customer has asked for the address, in the meantime."""
        after = {**fields, **self._after(pause), "version": looked.version + 1}
        companion = Companion(ADDRESSES, looked.id, {"version": looked.version}, after)
        try:
            await self._door.submit(Change(book_of(looked.id), companions=(companion,), fact=True))
        except StaleGuard:
            return

    def _after(self, pause: timedelta) -> dict[str, Any]:
        return {"look_at": self._clock.now() + pause, "look_pause_s": pause.total_seconds()}


def _looked(document: dict[str, Any]) -> Looked:
    return Looked(
        id=document["_id"],
        chain=document["chain"],
        address=document["address"],
        seen=frozenset(document.get("seen", ())),
        pause=timedelta(seconds=document["look_pause_s"]),
        version=document["version"],
    )
