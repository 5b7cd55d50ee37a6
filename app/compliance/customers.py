"""Acts on a customer as a whole: freezing, unfreezing, and the level of their limits, with who did it and why.

A freeze takes all of their accounts in one commit, and no account is opened for them until it is lifted; it remembers
which accounts it froze, and lifting it unfreezes those. What an officer froze by itself stays frozen. Money that
arrives meanwhile has happened, so it is booked.
"""

from app.compliance.trail import AUDIT, Deed, Facts, Trail, TrailReader
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountOpen,
    IdempotencyKeyReused,
    LevelUnknown,
    Missing,
    Overloaded,
    StaleGuard,
)
from app.identity.store import Users
from app.ids import public_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.ledger.acts import Answerable
from app.ledger.changes import Change
from app.ledger.limits import STANDARD, Limits
from app.ledger.owners import OWNERS, Owner
from app.ledger.standing import Act, StandingChange
from app.ledger.store import LedgerStore

_TRIES_MAX = 5


class Customers:
    """Acts on customers as a whole."""

    def __init__(self, users: Users, ledger: LedgerStore, trail: Trail, entries: TrailReader, limits: Limits) -> None:
        self._users = users
        self._ledger = ledger
        self._trail = trail
        self._entries = entries
        self._levels = {STANDARD, *limits.levels}

    async def change_standing(self, book: str, user_id: str, act: Act, answerable: Answerable) -> list[Account]:
        """Freeze or unfreeze a customer; their accounts afterwards.

        Freezing takes every open account, unfreezing what the freeze took. Asked again under the same key, the accounts
        as they are now. Raises Missing, IdempotencyKeyReused, Overloaded.
        """
        deed = await self._deed(book, user_id, act.value, answerable)
        for _ in range(_TRIES_MAX):
            owner = await self._ledger.owner(book, user_id)
            accounts = await self._ledger.accounts_of(book, user_id, CUSTOMER)
            if await self._was_done(book, deed):
                return accounts
            change, told = _stand(book, owner, accounts, act, deed)
            try:
                await self._trail.submit(change, told)
            except (AccountFrozen, AccountOpen, AccountClosed):
                continue  # somebody has changed one of them since it was read
            except StaleGuard as stale:
                if stale.collection not in {AUDIT, OWNERS}:
                    raise
                continue
            return await self._ledger.accounts_of(book, user_id, CUSTOMER)
        raise Overloaded

    async def change_level(self, book: str, user_id: str, level: str, answerable: Answerable) -> Owner:
        """Give a customer another level of limits; from the next commit on it counts.

        Raises LevelUnknown, Missing, IdempotencyKeyReused, Overloaded.
        """
        if level not in self._levels:
            raise LevelUnknown(level)
        deed = await self._deed(book, user_id, "level", answerable)
        for _ in range(_TRIES_MAX):
            owner = await self._ledger.owner(book, user_id)
            if await self._was_done(book, deed):
                return owner
            told = deed.changing({"level": owner.level}, {"level": level})
            try:
                await self._trail.submit(Change(book, companions=(owner.written(level=level),)), told)
            except StaleGuard as stale:
                if stale.collection not in {AUDIT, OWNERS}:
                    raise
        raise Overloaded

    async def _deed(self, book: str, user_id: str, act: str, answerable: Answerable) -> Deed:
        if await self._users.get(book, user_id) is None:
            raise Missing("user")
        return Deed.of(answerable, f"user.{act}", user_id)

    async def _was_done(self, book: str, deed: Deed) -> bool:
        earlier = await self._entries.entry(deed.entry_id(book))
        if earlier is not None and earlier["reason"] != deed.reason:
            raise IdempotencyKeyReused("reason")
        return earlier is not None


def _stand(book: str, owner: Owner, accounts: list[Account], act: Act, deed: Deed) -> tuple[Change, Deed]:
    """What the act changes of a customer and their accounts as they were read, and how that is told."""
    freezes = act is Act.FREEZE
    if freezes:
        taken = [each.id for each in accounts if each.status is AccountStatus.OPEN]
    else:
        taken = [each.id for each in accounts if each.status is AccountStatus.FROZEN and each.id in owner.froze]
    froze = (*owner.froze, *taken) if freezes else ()
    change = Change(
        book,
        companions=(owner.written(frozen=freezes, froze=tuple(dict.fromkeys(froze))),),
        standings=tuple(StandingChange(each, act) for each in taken),
    )
    after: Facts = {
        "frozen": freezes,
        "accounts": " ".join(sorted(map(public_id, taken))[:_ACCOUNTS_TOLD]),
        "changed": len(taken),
    }
    return change, deed.changing({"frozen": owner.frozen}, after)


_ACCOUNTS_TOLD = 20
"""As many accounts as an entry of the trail names; its number says how many there were."""
