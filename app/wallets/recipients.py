"""Finding somebody to pay by what they have chosen to be found by: a handle, or the hash of a phone number.

Nobody is found who has not opted in. Whatever the reason that there is nobody to tell of (no such name, not verified,
account not open), the answer is the same and so are the reads behind it, and hits and misses count alike against a
strict rate. Names are plain ASCII, so none looks like another; phone hashes are kept only as a further hash.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from app.errors import HandleInvalid, HandleTaken, Missing, StaleGuard, TooMany
from app.identity.store import Users
from app.ids import derived_id, public_id, stored_id
from app.ledger.accounts import CUSTOMER, AccountStatus
from app.ledger.changes import ABSENT, Change, Companion, Document, Door
from app.ledger.store import LedgerStore
from app.plumbing.rates import Rate, Rates, TooSoon
from app.wallets.opening import own_account
from app.wallets.recipient_store import RECIPIENTS, RecipientStore

_HANDLE = re.compile(r"[a-z0-9](?:[._-]?[a-z0-9]){2,29}", re.ASCII)
_CHANGES = Rate(10, 86_400)
_TRIES_MAX = 3

By = Literal["handle", "phone"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can be paid: what they are called, and the public id of the account they receive on."""

    display_name: str
    account_id: str


def plain_handle(given: str) -> str:
    """The handle as it is kept: small letters, digits, and single dots, hyphens and underscores between them.

    Raises HandleInvalid, also for anything that only looks like such a text.
    """
    if not given.isascii() or unicodedata.normalize("NFKC", given) != given:
        raise HandleInvalid
    handle = given.lower()
    if len(handle) > 30 or _HANDLE.fullmatch(handle) is None:
        raise HandleInvalid
    return handle


class Recipients:
    """Knows who has opted in."""

    def __init__(
        self, store: RecipientStore, door: Door, ledger: LedgerStore, users: Users, rates: Rates, lookups: Rate
    ) -> None:
        self._store = store
        self._door = door
        self._ledger = ledger
        self._users = users
        self._rates = rates
        self._lookups = lookups

    async def opt_in(
        self, book: str, user_id: str, account_id: str, display_name: str, names: dict[By, str]
    ) -> Recipient:
        """Let the customer be found by these names, and by no other any more, to be paid on that account.

        Raises TooMany, AccountNotFound, HandleTaken.
        """
        await self._count("handles", book, user_id, _CHANGES)
        account = await own_account(self._ledger, book, user_id, account_id)
        found = {"user_id": user_id, "account_id": account.id, "display_name": display_name}
        await self._write(book, user_id, found, [_entry_id(book, *name) for name in names.items()])
        return Recipient(display_name, account_id)

    async def opt_out(self, book: str, user_id: str) -> None:
        """Let nobody find the customer any more. Raises TooMany."""
        await self._count("handles", book, user_id, _CHANGES)
        await self._write(book, user_id, {"user_id": user_id}, [])

    async def look_up(self, book: str, caller: str, by: By, name: str) -> Recipient:
        """Whoever has opted in to be found by that name. Raises TooMany, Missing (for every other reason alike)."""
        await self._count("lookups", book, caller, self._lookups)
        entry = await self._store.entry(_entry_id(book, by, name)) or {}
        nobody = stored_id(book, derived_id("usr", book, "nobody"))
        account = await self._ledger.account(entry.get("account_id") or nobody)
        user = await self._users.by_id(stored_id(book, entry["user_id"]) if entry.get("user_id") else nobody)
        reachable = account is not None and account.role == CUSTOMER and account.status is AccountStatus.OPEN
        if account is None or not reachable or user is None or user.compliance_level != "verified":
            raise Missing("recipient")
        return Recipient(entry["display_name"], public_id(account.id))

    async def _count(self, what: str, book: str, user_id: str, rate: Rate) -> None:
        taken = await self._rates.take([(f"{what}:{stored_id(book, user_id)}", rate)])
        if isinstance(taken, TooSoon):
            raise TooMany(what, taken.after_s)

    async def _write(self, book: str, user_id: str, found: Document, entry_ids: list[str]) -> None:
        """Claim these entries and let go the customer's others, in one commit."""
        own_id = _entry_id(book, "own", user_id)
        for _ in range(_TRIES_MAX):
            own = await self._store.entry(own_id)
            let_go = [each for each in (own or {}).get("entries", []) if each not in entry_ids]
            companions = [await self._claim(each, user_id, found) for each in entry_ids]
            companions += [await self._claim(each, user_id, {"user_id": None}) for each in let_go]
            companions.append(_written(own_id, own, {"user_id": user_id, "entries": entry_ids}))
            try:
                await self._door.submit(Change(book, companions=tuple(companions)))
            except StaleGuard:
                continue
            return
        raise HandleTaken

    async def _claim(self, entry_id: str, user_id: str, found: Document) -> Companion:
        entry = await self._store.entry(entry_id)
        if entry is not None and entry["user_id"] not in {None, user_id}:
            raise HandleTaken
        return _written(entry_id, entry, found)


def _written(entry_id: str, entry: Document | None, fields: Document) -> Companion:
    version = entry["version"] if entry else 0
    guard = {"version": version} if entry else ABSENT
    return Companion(RECIPIENTS, entry_id, guard, {**fields, "version": version + 1})


def _entry_id(book: str, by: str, name: str) -> str:
    return stored_id(book, derived_id("rcp", book, by, name))
