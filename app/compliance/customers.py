"""Freezing and unfreezing a customer: all of their accounts in one commit, with who did it and why."""

from app.compliance.trail import AUDIT, Deed, Trail, TrailReader
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountOpen,
    IdempotencyKeyReused,
    Missing,
    Overloaded,
    StaleGuard,
)
from app.identity.store import Users
from app.ledger.accounts import CUSTOMER, Account
from app.ledger.acts import Answerable
from app.ledger.changes import Change
from app.ledger.standing import Act, StandingChange
from app.ledger.store import LedgerStore

_TRIES_MAX = 5


class Customers:
    """Acts on customers as a whole."""

    def __init__(self, users: Users, ledger: LedgerStore, trail: Trail, entries: TrailReader) -> None:
        self._users = users
        self._ledger = ledger
        self._trail = trail
        self._entries = entries

    async def change_standing(self, book: str, user_id: str, act: Act, answerable: Answerable) -> list[Account]:
        """Freeze or unfreeze every account of the customer's that can be; their accounts afterwards.

        Accounts that are closed, or as they are to be, stay so. Asked again under the same key, the accounts as they
        are now. Raises Missing, IdempotencyKeyReused, Overloaded.
        """
        if await self._users.get(book, user_id) is None:
            raise Missing("user")
        deed = Deed.of(answerable, f"user.{act}", user_id)
        for _ in range(_TRIES_MAX):
            earlier = await self._entries.entry(deed.entry_id(book))
            accounts = await self._ledger.accounts_of(book, user_id, CUSTOMER)
            if earlier is not None:
                if earlier["reason"] != answerable.reason:
                    raise IdempotencyKeyReused("reason")
                return accounts
            standings = tuple(StandingChange(each.id, act) for each in accounts if each.status is act.before)
            try:
                await self._trail.submit(Change(book, standings=standings), _told(deed, accounts, standings))
            except (AccountFrozen, AccountOpen, AccountClosed):
                continue  # somebody has changed one of them since it was read
            except StaleGuard as stale:
                if stale.collection != AUDIT:
                    raise
                continue
            return await self._ledger.accounts_of(book, user_id, CUSTOMER)
        raise Overloaded


def _told(deed: Deed, accounts: list[Account], standings: tuple[StandingChange, ...]) -> Deed:
    return deed.changing({"accounts": len(accounts)}, {"changed": len(standings)})
