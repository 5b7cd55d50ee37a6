"""Acts on accounts and transactions that somebody answers for: who, what, why, kept in the commit that does it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from app.clock import Clock
from app.errors import (
    AccountNotFound,
    AlreadyReversed,
    IdempotencyKeyReused,
    Overloaded,
    StaleGuard,
    StaleVersion,
    UserFrozen,
)
from app.ids import book_of, derived_id, public_id, stored_id
from app.ledger import verbs
from app.ledger.accounts import Account
from app.ledger.changes import ABSENT, Change, Companion, Document, Door, Duplicate
from app.ledger.owners import OWNERS, owner_of
from app.ledger.standing import Act, StandingChange
from app.ledger.store import ACCOUNT_ACTS, TRANSACTION_ACTS, LedgerStore
from app.money import Money

_TRIES_MAX = 5

RequireUnused = Callable[[Account], Awaitable[None]]
"""Raises AccountInUse while something that is still running will come back to the account."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """Who acts, why, and under which key: the same act under the same key is done once."""

    by: str
    reason: str
    key: str

    @property
    def cause(self) -> str:
        """What stands for the caller and their key."""
        return derived_id("key", self.by, self.key)


class Acts:
    """Freezes, closes, reopens and reverses, on somebody's word."""

    def __init__(self, door: Door, store: LedgerStore, clock: Clock, require_unused: RequireUnused) -> None:
        self._door = door
        self._store = store
        self._clock = clock
        self._require_unused = require_unused

    async def change_standing(self, account_id: str, act: Act, answerable: Answerable) -> Account:
        """The account as the act leaves it; asked again, as it is now.

        Raises IdempotencyKeyReused, AccountNotFound, AccountInUse (closing), UserFrozen (unfreezing and reopening: the
        freeze of a customer is lifted as a whole), then what ``standing.py`` lists.
        A flow that is started while the account closes finds it closed: it is refused, and a fact goes to suspense.
        """
        act_id = stored_id(book_of(account_id), derived_id("act", account_id, act, answerable.cause))
        if await self._store.act(ACCOUNT_ACTS, act_id) is None:
            with suppress(StaleGuard):  # the same request, sent twice at the same moment
                await self._change_standing(act_id, account_id, act, answerable)
        _require_same_reason(await self._store.act(ACCOUNT_ACTS, act_id), answerable)
        return await self._account(account_id)

    async def _change_standing(self, act_id: str, account_id: str, act: Act, answerable: Answerable) -> None:
        subject = {"account_id": account_id, "before": act.before.value, "after": act.after.value}
        record = self._record(ACCOUNT_ACTS, act_id, act.value, subject, answerable)
        change = Change(book_of(account_id), companions=(record,), standings=(StandingChange(account_id, act),))
        match act:
            case Act.CLOSE:
                await self._close(change, account_id)
            case Act.UNFREEZE | Act.REOPEN:
                await self._open(change, account_id)
            case Act.FREEZE:
                await self._door.submit(change)

    async def _open(self, change: Change, account_id: str) -> None:
        """Open it unless its owner is frozen; whoever freezes them writes the owner too, so one sees the other."""
        account = await self._account(account_id)
        if account.user_id is None or owner_of(account) is None:
            raise AccountNotFound
        for _ in range(_TRIES_MAX):
            owner = await self._store.owner(change.book, account.user_id)
            if owner.frozen:
                raise UserFrozen
            try:
                await self._door.submit(replace(change, companions=(*change.companions, owner.written())))
            except StaleGuard as stale:
                if stale.collection != OWNERS:
                    raise
                continue
            return
        raise Overloaded

    async def _close(self, change: Change, account_id: str) -> None:
        """Close it as it was when nothing was running on it; if it has moved meanwhile, look again."""
        for _ in range(_TRIES_MAX):
            account = await self._account(account_id)
            await self._require_unused(account)
            try:
                await self._door.submit(replace(change, versions={account_id: account.version}))
            except StaleVersion:
                continue
            return
        raise Overloaded

    async def reverse(self, transaction_id: str, answerable: Answerable) -> Document:
        """The reversal of a transaction; the same act again answers with it.

        Raises Missing, NotReversible, IdempotencyKeyReused, AlreadyReversed, then what ``book.py`` lists.
        """
        act_id = stored_id(book_of(transaction_id), derived_id("act", transaction_id, "reverse"))
        record = self._record(TRANSACTION_ACTS, act_id, "reverse", {"transaction_id": transaction_id}, answerable)
        posted = await verbs.reverse(self._door, self._store, transaction_id, record)
        if isinstance(posted, Duplicate):
            earlier = await self._store.act(TRANSACTION_ACTS, act_id)
            if earlier is None or earlier["cause"] != answerable.cause:
                raise AlreadyReversed(public_id(transaction_id))
            _require_same_reason(earlier, answerable)
        return posted.transactions[0]

    async def refund(self, transaction_id: str, amount: Money, answerable: Answerable) -> Document:
        """A refund of part of a transaction; the same act again answers with it.

        Raises Missing, InvalidAmount, NotReversible, IdempotencyKeyReused, then what ``book.py`` lists.
        """
        cause = answerable.cause
        act_id = stored_id(book_of(transaction_id), derived_id("act", transaction_id, "refund", cause))
        record = self._record(TRANSACTION_ACTS, act_id, "refund", {"transaction_id": transaction_id}, answerable)
        posted = await verbs.refund(self._door, self._store, transaction_id, amount, record, cause=cause)
        if isinstance(posted, Duplicate):
            _require_same_reason(await self._store.act(TRANSACTION_ACTS, act_id), answerable)
        return posted.transactions[0]

    async def _account(self, account_id: str) -> Account:
        account = await self._store.account(account_id)
        if account is None:
            raise AccountNotFound
        return account

    def _record(self, collection: str, act_id: str, act: str, subject: Document, answerable: Answerable) -> Companion:
        told = {"by": answerable.by, "reason": answerable.reason, "cause": answerable.cause}
        document = {"act": act, **subject, **told, "at": self._clock.now(), "version": 1}
        return Companion(collection, act_id, ABSENT, document)


def _require_same_reason(earlier: Document | None, answerable: Answerable) -> None:
    if earlier is None or earlier["reason"] != answerable.reason:
        raise IdempotencyKeyReused("reason")
