"""Transfers on us: from a customer's account to any open account of a verified user of the tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.errors import AccountClosed, DestinationNotFound, IdempotencyKeyReused, InvalidAmount
from app.ids import derived_id, new_id, stored_id
from app.ledger.accounts import CUSTOMER
from app.ledger.changes import Change, Document, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.limits import UNLIMITED, Limits, Spending
from app.ledger.preview import Previews
from app.ledger.store import LedgerStore
from app.ledger.transactions import MetadataValue, Transaction, credit, debit
from app.money import Money
from app.wallets.fees import fee_in, fee_legs, fee_of
from app.wallets.opening import own_account
from app.wallets.receivers import Receivers

RAIL = "transfer"


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a customer asks for; account ids are public ones.

    Without a key it can only be tried. ``lock_version``: the version that the source must still have.
    """

    book: str
    user_id: str
    key: str | None
    source_account_id: str
    destination_account_id: str
    amount: Money
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    lock_version: int | None = None

    @property
    def source_id(self) -> str:
        """The stored id of the source."""
        return stored_id(self.book, self.source_account_id)

    @property
    def destination_id(self) -> str:
        """The stored id of the destination."""
        return stored_id(self.book, self.destination_account_id)

    def transaction(self, fee: Money) -> Transaction:
        """The posting this request always has: its id comes from the caller and their key."""
        public = derived_id("txn", self.book, self.user_id, "transfer", self.key) if self.key else new_id("txn")
        legs = (debit(self.source_id, self.amount), credit(self.destination_id, self.amount))
        return Transaction(
            id=stored_id(self.book, public),
            kind="transfer",
            legs=(*legs, *fee_legs(self.book, self.source_id, fee)),
            metadata=self.metadata,
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A transaction, and what it left in the caller's own accounts, by stored id."""

    transaction: Document
    balances: Mapping[str, Money]


class Transfers:
    """Moves money between accounts of one book."""

    def __init__(
        self,
        door: Committer,
        store: LedgerStore,
        receivers: Receivers,
        previews: Previews,
        *,
        fee_bps: int = 0,
        limits: Limits = UNLIMITED,
    ) -> None:
        self._door = door
        self._store = store
        self._receivers = receivers
        self._previews = previews
        self._fee_bps = fee_bps
        self._limits = limits

    async def transfer(self, asked: Transfer) -> Made:
        """Post the transfer; asked again with the same key, answer with the first one, and what it left then.

        Raises InvalidAmount, IdempotencyKeyReused, AccountNotFound (source), DestinationNotFound, StaleVersion,
        CurrencyMismatch, SameAccount, AccountClosed, AccountFrozen, InsufficientFunds, LimitExceeded.
        """
        change = self._change(asked)
        try:
            await self._receivers.require(asked.book, asked.user_id, asked.destination_id)
            return await self._made(asked, await self._submit(asked, change))
        except (DestinationNotFound, IdempotencyKeyReused):
            earlier = await self._store.transaction(change.transactions[0].id)
            if earlier is None:
                await own_account(self._store, asked.book, asked.user_id, asked.source_account_id)
                raise
            # The receiver may be gone since, or the fee another: what was done stays what it was.
            if asked.transaction(fee_in(earlier)).fingerprint != earlier["fingerprint"]:
                raise IdempotencyKeyReused from None
            return await self._made(asked, Duplicate((earlier,)))

    async def _submit(self, asked: Transfer, change: Change) -> Posted | Duplicate:
        """A closed destination is not told apart from one that never was."""
        try:
            return await self._door.submit(change)
        except AccountClosed as closed:
            if closed.facts["account_id"] == asked.destination_account_id:
                raise DestinationNotFound from closed
            raise

    async def preview(self, asked: Transfer) -> Made:
        """What the transfer would do now; nothing is written. Raises like ``transfer``."""
        change = self._change(asked)
        await own_account(self._store, asked.book, asked.user_id, asked.source_account_id)
        await self._receivers.require(asked.book, asked.user_id, asked.destination_id)
        return await self._made(asked, await self._previews.judge(change))

    def _change(self, asked: Transfer) -> Change:
        if not asked.amount:
            raise InvalidAmount(asked.amount.asset.code, "it must be more than nothing")
        return Change(
            asked.book,
            (asked.transaction(fee_of(asked.amount, self._fee_bps)),),
            versions={} if asked.lock_version is None else {asked.source_id: asked.lock_version},
            spendings=Spending.of(asked.user_id, RAIL, asked.amount, self._limits),
            payer=asked.user_id,
        )

    async def _made(self, asked: Transfer, verdict: Posted | Duplicate) -> Made:
        transaction = verdict.transactions[0]
        if isinstance(verdict, Duplicate):
            accounts = await self._store.accounts_of(asked.book, asked.user_id, CUSTOMER)
            [balances] = await self._store.feed.balances_left([transaction], accounts)
            return Made(transaction, balances)
        own = (account for account in verdict.accounts.values() if account.user_id == asked.user_id)
        return Made(transaction, {account.id: account.balance_money for account in own if account.role == CUSTOMER})
