"""Linked bank accounts: their tokens sealed at rest, never logged, never returned; the account shows its mask only."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from app.clock import Clock
from app.errors import BankLinkRefused, Missing, ProviderUnavailable
from app.ids import new_id, stored_id
from app.plumbing.sealing import Sealer
from app.providers.outcomes import Declined, ProviderOutcome
from app.providers.ports import BankAccount, LinksBanks, Login
from app.wallets.store import WalletStore

_LINKS_MAX = 50

LINKED, NEEDS_UPDATE, REVOKED = "linked", "needs-update", "revoked"
_STATUSES = {Login.GOOD: LINKED, Login.BROKEN: NEEDS_UPDATE, Login.GONE: REVOKED}
_EXPIRES_SOON = {"ITEM.PENDING_EXPIRATION", "ITEM.PENDING_DISCONNECT"}


@dataclass(frozen=True, slots=True)
class BankLink:
    """A customer's bank account, as far as anybody may see it. ``status``: linked, needs-update or revoked."""

    id: str
    user_id: str
    name: str
    mask: str
    status: str
    created_at: datetime


class BankLinks:
    """Links bank accounts and keeps the tokens they are reached by."""

    def __init__(self, store: WalletStore, banks: LinksBanks, sealer: Sealer, clock: Clock) -> None:
        self._store = store
        self._banks = banks
        self._sealer = sealer
        self._clock = clock

    async def link_token(self, user_ref: str) -> tuple[SecretStr, datetime]:
        """A token that opens the vendor's dialogue. Raises ProviderUnavailable."""
        try:
            return await self._banks.link_token(user_ref)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome

    async def update_token(self, book: str, user_id: str, public_link_id: str) -> tuple[SecretStr, datetime]:
        """A token that opens the vendor's dialogue for that link, to sign in to the bank again.

        Raises Missing, BankLinkRefused (the login is gone: link the account anew), ProviderUnavailable.
        """
        document = await self._own(book, user_id, public_link_id)
        access_token = self._sealer.open(document["access_token"], document["_id"])
        try:
            return await self._banks.update_token(user_id, access_token)
        except Declined as declined:
            raise BankLinkRefused(declined.reason.lower()) from declined
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome

    async def hear(self, event_type: str, refs: list[str], _payload: Mapping[str, Any]) -> bool | None:
        """Something has happened to a login: see how it stands, and note it on its links. False: no link knows it yet.

        A login that will expire soon still looks good, so there the event is believed. Raises what reading from the
        vendor raises.
        """
        if not refs:
            return None
        links = await self._store.bank_links_at(refs[0].rpartition(":")[2], _LINKS_MAX)
        if not links:
            return False
        state = await self._banks.login(self._sealer.open(links[0]["access_token"], links[0]["_id"]))
        if state is Login.GOOD and event_type in _EXPIRES_SOON:
            state = Login.BROKEN
        return all([await self._store.set_link_status(link, _STATUSES[state]) for link in links])

    async def link(self, book: str, user_id: str, public_token: str, vendor_account_id: str) -> BankLink:
        """Exchange the dialogue's public token, which works once, and keep what it gives, sealed.

        A login of which no link comes is given back. Raises BankLinkRefused, ProviderUnavailable.
        """
        try:
            item = await self._banks.exchange(public_token)
            try:
                account = _chosen(await self._banks.accounts(item.access_token), vendor_account_id)
                processor_token = await self._banks.processor_token(item.access_token, vendor_account_id)
            except (BankLinkRefused, ProviderOutcome):
                with suppress(ProviderOutcome):  # what matters is why there is no link
                    await self._banks.remove(item.access_token)
                raise
        except Declined as declined:
            raise BankLinkRefused(declined.reason.lower()) from declined
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        link_id = stored_id(book, new_id("lnk"))
        document = {
            "_id": link_id,
            "user_id": user_id,
            "item_id": item.item_id,
            "name": account.name,
            "mask": account.mask,
            "status": LINKED,
            "access_token": self._sealer.seal(item.access_token, link_id),
            "processor_token": self._sealer.seal(processor_token, link_id),
            "created_at": self._clock.now(),
        }
        await self._store.add_bank_link(document)
        return _link(document)

    async def own(self, book: str, user_id: str, public_link_id: str) -> BankLink:
        """The customer's link of that id. Raises Missing."""
        return _link(await self._own(book, user_id, public_link_id))

    async def all_of(self, book: str, user_id: str) -> list[BankLink]:
        """The customer's links."""
        return [_link(document) for document in await self._store.bank_links_of(book, user_id, _LINKS_MAX)]

    async def processor_token(self, link_id: str) -> SecretStr:
        """The token by which the payments bank reaches the account of that stored link. Raises Missing."""
        document = await self._store.bank_link(link_id)
        if document is None:
            raise Missing("bank link")
        return self._sealer.open(document["processor_token"], link_id)

    async def _own(self, book: str, user_id: str, public_link_id: str) -> dict[str, Any]:
        document = await self._store.bank_link(stored_id(book, public_link_id))
        if document is None or document["user_id"] != user_id:
            raise Missing("bank link")
        return document


def _chosen(accounts: tuple[BankAccount, ...], vendor_account_id: str) -> BankAccount:
    for account in accounts:
        if account.account_id == vendor_account_id:
            return account
    raise BankLinkRefused("the login has no such account")


def _link(document: dict[str, Any]) -> BankLink:
    return BankLink(
        id=document["_id"],
        user_id=document["user_id"],
        name=document["name"],
        mask=document["mask"],
        status=document["status"],
        created_at=document["created_at"],
    )
