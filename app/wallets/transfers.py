"""Transfers on us: from a customer's account to any open account of a verified user of the tenant."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import DestinationNotFound, InvalidAmount
from app.identity.store import Users
from app.ids import derived_id, stored_id
from app.ledger import verbs
from app.ledger.accounts import CUSTOMER, AccountStatus
from app.ledger.changes import Document
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.ledger.transactions import MetadataValue, Transaction, credit, debit
from app.money import Money
from app.wallets.opening import own_account


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a customer asks for; account ids are public ones."""

    book: str
    user_id: str
    key: str
    source_account_id: str
    destination_account_id: str
    amount: Money
    metadata: Mapping[str, MetadataValue]

    def transaction(self) -> Transaction:
        """The posting this request always has: its id comes from the caller and their key."""
        return Transaction(
            id=stored_id(self.book, derived_id("txn", self.book, self.user_id, "transfer", self.key)),
            kind="transfer",
            legs=(
                debit(stored_id(self.book, self.source_account_id), self.amount),
                credit(stored_id(self.book, self.destination_account_id), self.amount),
            ),
            metadata=self.metadata,
        )


class Transfers:
    """Moves money between accounts of one book."""

    def __init__(self, door: Committer, store: LedgerStore, users: Users) -> None:
        self._door = door
        self._store = store
        self._users = users

    async def transfer(self, asked: Transfer) -> Document:
        """Post the transfer; asked again with the same key, answer with the first one.

        Raises InvalidAmount, AccountNotFound (source), DestinationNotFound, IdempotencyKeyReused, CurrencyMismatch,
        SameAccount, AccountClosed, AccountFrozen, InsufficientFunds.
        """
        if asked.amount.minor == 0:
            raise InvalidAmount(asked.amount.asset.code, "it must be more than nothing")
        transaction = asked.transaction()
        if await self._store.transaction(transaction.id) is None:
            await own_account(self._store, asked.book, asked.user_id, asked.source_account_id)
            await self._require_receiver(asked)
        posted = await verbs.post(self._door, transaction)
        return posted.transactions[0]

    async def _require_receiver(self, asked: Transfer) -> None:
        account = await self._store.account(stored_id(asked.book, asked.destination_account_id))
        if account is None or account.role != CUSTOMER or account.status is AccountStatus.CLOSED:
            raise DestinationNotFound
        if account.user_id == asked.user_id:
            return
        owner = await self._users.get(asked.book, str(account.user_id))
        if owner is None or owner.compliance_level != "verified":
            raise DestinationNotFound
