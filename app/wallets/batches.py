"""Many transfers in one request, for operators: between any customers' accounts of the tenant, without fees or limits.

Independent: each is a change of its own, so each has its own verdict, and together they fill the door's batches.
Atomic: all are one change, so all are posted or none. Whose accounts they are the door decides as it judges; nothing is
read before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.errors import WalletError
from app.ids import derived_id, stored_id
from app.ledger.changes import ANYBODY, Change
from app.ledger.committer import Committer
from app.ledger.transactions import MetadataValue, Transaction, credit, debit
from app.money import Asset, Money


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One transfer of a batch; account ids are public ones."""

    source_account_id: str
    destination_account_id: str
    amount: Money
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What became of one item: the stored id of its transaction, or why there is none."""

    transaction_id: str
    refusal: WalletError | None = None


def totals(items: Sequence[BatchItem | WalletError]) -> tuple[Money, ...]:
    """What a batch moves altogether, in each currency."""
    moved: dict[Asset, int] = {}
    for each in items:
        if isinstance(each, BatchItem):
            moved[each.amount.asset] = moved.get(each.amount.asset, 0) + each.amount.minor
    return tuple(Money(minor, asset) for asset, minor in moved.items())


class Batches:
    """Posts batches. The same key again finds the same transactions, item by item."""

    def __init__(self, door: Committer) -> None:
        self._door = door

    async def post_each(
        self, book: str, user_id: str, key: str, items: Sequence[BatchItem | WalletError]
    ) -> list[ItemVerdict]:
        """A verdict on each item, in order; what could not be read as a transfer keeps the refusal that it came as."""
        ids = _ids(book, user_id, key, len(items))
        read = [_read(book, *each) for each in zip(ids, items, strict=True)]
        changes = [Change(book, (each,), payer=ANYBODY) for each in read if isinstance(each, Transaction)]
        told = iter(await self._door.submit_all(changes))
        verdicts = [each if isinstance(each, WalletError) else next(told) for each in read]
        return [
            ItemVerdict(each_id, verdict if isinstance(verdict, WalletError) else None)
            for each_id, verdict in zip(ids, verdicts, strict=True)
        ]

    async def post_all(
        self, book: str, user_id: str, key: str, items: Sequence[BatchItem | WalletError]
    ) -> list[ItemVerdict]:
        """Post all or none. Raises the refusal of the first item that has one; its fact ``item`` is the index."""
        ids = _ids(book, user_id, key, len(items))
        position = {each_id: index for index, each_id in enumerate(ids)}
        try:
            transactions = [_transaction(book, *each) for each in zip(ids, items, strict=True)]
            await self._door.submit(Change(book, tuple(transactions), payer=ANYBODY))
        except WalletError as refusal:
            if refusal.transaction_id is not None:
                refusal.facts["item"] = position[refusal.transaction_id]
            raise
        return [ItemVerdict(each_id) for each_id in ids]


def _read(book: str, transaction_id: str, item: BatchItem | WalletError) -> Transaction | WalletError:
    """The item's transaction, or why there can be none."""
    try:
        return _transaction(book, transaction_id, item)
    except WalletError as refusal:
        return refusal


def _ids(book: str, user_id: str, key: str, count: int) -> list[str]:
    """The ids of a batch's transactions: an item's key is the batch's, and its place."""
    return [stored_id(book, derived_id("txn", book, user_id, "batch", key, str(index))) for index in range(count)]


def _transaction(book: str, transaction_id: str, item: BatchItem | WalletError) -> Transaction:
    if isinstance(item, WalletError):
        item.transaction_id = transaction_id
        raise item
    legs = (
        debit(stored_id(book, item.source_account_id), item.amount),
        credit(stored_id(book, item.destination_account_id), item.amount),
    )
    return Transaction(transaction_id, "transfer", legs, metadata=item.metadata)
