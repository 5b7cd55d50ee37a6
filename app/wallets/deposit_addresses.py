"""Addresses that customers receive coins at: derived from a public key, one an account and chain, and watched.

No private key is anywhere near. Each number is given out once, by a counter of the family: on chains of one family a
customer's number, and so their address, is nobody else's.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.clock import Clock
from app.errors import ChainUnsupported, ProviderUnavailable, StaleGuard
from app.ids import book_of, derived_id, stored_id
from app.ledger.accounts import Account
from app.ledger.changes import ABSENT, Change, Companion
from app.ledger.committer import Committer
from app.money import Money
from app.providers.chain_ports import ReceivesCoins
from app.providers.outcomes import Declined, ProviderOutcome
from app.providers.tatum.addresses import canonical_address, is_valid_address
from app.providers.tatum.chains import CHAINS, Network
from app.wallets.address_looks import AddressLooks
from app.wallets.address_store import ADDRESS_COUNTERS, ADDRESSES, AddressStore
from app.wallets.network_fees import require_offered

_COUNTERS_BOOK = "chains"
_ATTEMPTS_MAX = 10
_LISTED_MAX = 200


@dataclass(frozen=True, slots=True)
class DepositAddress:
    """Where coins for an account are to be sent; ids are stored ones."""

    id: str
    user_id: str
    account_id: str
    chain: str
    address: str
    created_at: datetime


class DepositAddresses:
    """Gives them out, and knows whose they are."""

    def __init__(
        self,
        store: AddressStore,
        door: Committer,
        receiving: ReceivesCoins,
        clock: Clock,
        network: Network,
        first_look_s: float,
    ) -> None:
        self._store = store
        self._door = door
        self._receiving = receiving
        self._clock = clock
        self._network: Network = network
        self.looks = AddressLooks(store, door, clock, timedelta(seconds=first_look_s))

    async def address_for(self, book: str, account: Account, chain: str) -> DepositAddress:
        """The account's address on that chain, made and watched when it is first asked for.

        Raises ChainUnsupported (the chain does not carry the asset, or derives no addresses), ProviderUnavailable.
        """
        require_offered(chain, Money(0, account.asset), self._network)
        try:
            found = await self._kept(book, account, chain)
            await self._receiving.watch(chain, found.address)
        except Declined as declined:
            raise ChainUnsupported(chain, account.asset.code) from declined
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        return found

    async def all_of(self, book: str, user_id: str) -> Sequence[DepositAddress]:
        """The customer's addresses."""
        return [_address(document) for document in await self._store.addresses_of(book, user_id, _LISTED_MAX)]

    async def owner_of(self, chain: str, address: str) -> DepositAddress | None:
        """Whose address that is, of whatever book."""
        document = await self._store.address_at(chain, canonical_address(chain, address))
        return _address(document) if document else None

    async def _kept(self, book: str, account: Account, chain: str) -> DepositAddress:
        address_id = stored_id(book, derived_id("adr", account.id, chain))
        counter_id = stored_id(_COUNTERS_BOOK, CHAINS[chain].family)
        for _ in range(_ATTEMPTS_MAX):
            known = await self._store.address(address_id)
            if known is not None:
                await self._expect(known)
                return _address(known)
            counter = await self._store.address_counter(counter_id)
            version = counter["version"] if counter else 0
            address = await self._derived(chain, version)
            document = self._document(account, chain, address, version)
            taken = Companion(
                ADDRESS_COUNTERS, counter_id, {"version": version} if version else ABSENT, {"version": version + 1}
            )
            try:
                await self._door.submit(
                    Change(book, companions=(taken, Companion(ADDRESSES, address_id, ABSENT, document)))
                )
            except StaleGuard:
                continue
            return _address({"_id": address_id, **document})
        raise ProviderUnavailable("tatum")

    async def _expect(self, known: dict[str, Any]) -> None:
        """Somebody who asks for their address again is about to use it: look there as often as at a new one."""
        again = self.looks.first()
        if known["look_at"] <= again["look_at"]:
            return
        guard = {"version": known["version"]}
        companion = Companion(ADDRESSES, known["_id"], guard, {**again, "version": known["version"] + 1})
        with suppress(StaleGuard):  # somebody else has just looked
            await self._door.submit(Change(book_of(known["_id"]), companions=(companion,)))

    async def _derived(self, chain: str, index: int) -> str:
        """An address that is none of the chain's would lose whatever is sent there, so the vendor is not believed."""
        address = await self._receiving.deposit_address(chain, index)
        if not is_valid_address(chain, self._network, address):
            raise ProviderUnavailable("tatum")
        return canonical_address(chain, address)

    def _document(self, account: Account, chain: str, address: str, index: int) -> dict[str, Any]:
        return {
            "user_id": account.user_id,
            "account_id": account.id,
            "chain": chain,
            "address": address,
            "index": index,
            "created_at": self._clock.now(),
            **self.looks.first(),
            "version": 1,
        }


def _address(document: dict[str, Any]) -> DepositAddress:
    return DepositAddress(
        id=document["_id"],
        user_id=document["user_id"],
        account_id=document["account_id"],
        chain=document["chain"],
        address=document["address"],
        created_at=document["created_at"],
    )
