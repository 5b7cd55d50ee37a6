"""What happened on somebody's accounts, newest first; all of it, or what carries one name and value of metadata.

An account's entries are the index of its transactions, so the whole list costs no index of its own: each account is
entered where the page begins, and the accounts are merged. Metadata is looked up by tags, which only transactions with
metadata have: one for every name and customer's account, so nobody else's transactions are ever walked through.
"""

from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.ids import book_of
from app.ledger.accounts import Account
from app.ledger.changes import Document
from app.ledger.documents import entry_id, tag
from app.ledger.history_store import History
from app.money import Money
from app.plumbing.collections import ids_of_book
from app.plumbing.decimals import from_decimal128
from app.plumbing.mongo import Database

_NAMES = {"transaction_id": True, "timestamp": True}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a list: the time and stored id of the last transaction shown."""

    at: datetime
    id: str


class Feed:
    """Transactions by the accounts that took part in them."""

    def __init__(self, database: Database, history: History) -> None:
        self._entries = database["ledger_entries"]
        self._transactions = database["transactions"]
        self._history = history

    async def posted(self, accounts: Sequence[Account], before: Place | None, limit: int) -> list[Document]:
        """What was posted on the accounts, below that place. Holds and releases make no entry, so they are not here."""
        ids: list[str] = []
        async for at, group in self._groups([await self._entries_of(account, before, limit) for account in accounts]):
            ids.extend(each for each in sorted(group, reverse=True) if before is None or Place(at, each) < before)
            if len(ids) >= limit:
                break
        found = {each["_id"]: each async for each in self._transactions.find({"_id": {"$in": ids[:limit]}})}
        return [found[each] for each in ids[:limit] if each in found]

    async def tagged(
        self, accounts: Sequence[Account], name: str, value: str, before: Place | None, limit: int
    ) -> list[Document]:
        """Those whose metadata has that name with that value, as it is written."""
        if not accounts:
            return []
        query: Document = {
            "tags": {"$in": [tag(account.id, name, value) for account in accounts]},
            "_id": ids_of_book(book_of(accounts[0].id)),
        }
        if before is not None:
            later = {"timestamp": {"$lt": before.at}}
            query["$or"] = [later, {"timestamp": before.at, "_id": {"$lt": before.id}}]
        return await self._transactions.find(query).sort([("timestamp", -1), ("_id", -1)]).limit(limit).to_list()

    async def balances_left(
        self, transactions: Sequence[Document], accounts: Sequence[Account]
    ) -> list[dict[str, Money]]:
        """What each of these transactions left in those accounts, by stored id, as of that transaction.

        Its legs say which entries it made, so they are found by id; a pending transaction made none.
        """
        own = {account.id: account for account in accounts}
        last = [_last_entries(each, own.keys()) for each in transactions]
        ids = [entry_id(account_id, seq) for each in last for account_id, seq in each.items()]
        found = self._entries.find({"_id": {"$in": ids}}, {"balance_after": True}) if ids else None
        left = {each["_id"]: from_decimal128(each["balance_after"]) async for each in found} if found else {}
        return [
            {
                account_id: Money(left[entry_id(account_id, seq)], own[account_id].asset)
                for account_id, seq in each.items()
            }
            for each in last
        ]

    async def _entries_of(self, account: Account, before: Place | None, limit: int) -> AsyncIterator[Document]:
        """The account's entries from that place on, newest first."""
        newest = account.seq if before is None else await self._history.seq_at(account, before.at)
        ids = {"$gt": f"{account.id}#", "$lt": entry_id(account.id, newest + 1)}
        return aiter(self._entries.find({"_id": ids}, _NAMES).sort("_id", -1).batch_size(limit + 1))

    async def _groups(self, streams: Sequence[AsyncIterator[Document]]) -> AsyncIterator[tuple[datetime, set[str]]]:
        """The transactions of each moment, latest moment first, from all the streams."""
        heads: dict[int, Document] = {}
        for number, stream in enumerate(streams):
            if (first := await anext(stream, None)) is not None:
                heads[number] = first
        while heads:
            latest = max(head["timestamp"] for head in heads.values())
            group: set[str] = set()
            for number in list(heads):
                head: Document | None = heads.pop(number)
                while head is not None and head["timestamp"] == latest:
                    group.add(head["transaction_id"])
                    head = await anext(streams[number], None)
                if head is not None:
                    heads[number] = head
            yield latest, group


def _last_entries(transaction: Document, accounts: Container[str]) -> dict[str, int]:
    """Of each of those accounts, the last entry that the transaction made there."""
    legs = (leg for leg in transaction["legs"] if leg["account_id"] in accounts)
    return {leg["account_id"]: leg["seq"] for leg in legs if "seq" in leg}
