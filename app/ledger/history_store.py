"""The books at any past instant, read from the entries by their ids: nothing is scanned, and no time is indexed."""

from asyncio import TaskGroup
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pymongo import ASCENDING, DESCENDING, AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from app.ids import base_id
from app.ledger.accounts import Account
from app.ledger.changes import Document
from app.ledger.documents import account_from, entry_id
from app.ledger.history import Search
from app.money import Asset
from app.plumbing.collections import ids_of_book
from app.plumbing.decimals import from_decimal128

T = TypeVar("T")

_TOGETHER = 100
"""How many accounts are searched side by side: each look asks for at most so many times eighty entries."""

_NAMES = {"transaction_id": True, "timestamp": True}
_LEFT = {"seq": True, "balance_after": True}


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's entries of a period, newest first, between what it began and what it ended with, in minor units."""

    opening: int
    closing: int
    entries: list[Document]


@dataclass(frozen=True, slots=True)
class Totals:
    """One currency of a book: its accounts posted to, and their debit and credit balances summed, in minor units."""

    asset: Asset
    accounts: int = 0
    debits: int = 0
    credits: int = 0

    def including(self, balance: int) -> "Totals":
        """The totals with one more account."""
        return Totals(self.asset, self.accounts + 1, self.debits + max(-balance, 0), self.credits + max(balance, 0))


class History:
    """What was in the accounts of one database, at any instant."""

    def __init__(self, client: AsyncMongoClient[Document], database: AsyncDatabase[Document]) -> None:
        self._client = client
        self._accounts = database["accounts"]
        self._entries = database["ledger_entries"]
        self._transactions = database["transactions"]

    async def balance_at(self, account: Account, at: datetime) -> int:
        """The account's balance as of that instant, in minor units: that of the last entry not after it."""
        return (await self._last(account, {"$lte": at})).balance

    async def seq_at(self, account: Account, at: datetime) -> int:
        """The number of the account's last entry not after that instant; 0 if there was none."""
        return (await self._last(account, {"$lte": at})).seq

    async def statement(
        self, account: Account, since: datetime, until: datetime, before: str | None, limit: int
    ) -> Statement:
        """What happened from ``since`` on and before ``until``; the entries are those below the id ``before``.

        One period's closing balance is the next one's opening balance, whatever instant parts them.
        """
        async with TaskGroup() as group:
            earlier = group.create_task(self._last(account, {"$lt": since}))
            later = group.create_task(self._last(account, {"$lt": until}))
        first, last = earlier.result(), later.result()
        newest = entry_id(account.id, last.seq + 1)
        below = newest if before is None else min(before, newest)
        ids = {"$gt": entry_id(account.id, first.seq), "$lt": below}
        entries = await self._entries.find({"_id": ids}).sort("_id", DESCENDING).limit(limit).to_list()
        return Statement(first.balance, last.balance, entries)

    async def transactions(self, account_id: str, until: datetime | None) -> AsyncIterator[Document]:
        """What was posted on an account up to that instant, in order: its entries are the index of its transactions."""
        last = ""
        entries = self._entries.find({"_id": {"$gt": f"{account_id}#", "$lt": f"{account_id}#~"}}, _NAMES).sort(
            "_id", ASCENDING
        )
        async for chunk in _chunks(entries):
            in_time = [each for each in chunk if until is None or each["timestamp"] <= until]
            ids = list(dict.fromkeys(each["transaction_id"] for each in in_time))
            found = {each["_id"]: each async for each in self._transactions.find({"_id": {"$in": ids}})}
            for each in ids:
                if each != last and each in found:
                    yield found[each]
            if len(in_time) < len(chunk):
                return
            last = ids[-1] if ids else ""

    async def totals(self, book: str, at: datetime | None = None) -> list[Totals]:
        """Debit and credit balances of every currency of a book, now or as of that instant.

        All accounts are read at one instant. A batch has one time and is seen whole or not at all, so the sums are
        equal at every instant, even while commits are in flight.
        """
        totals: dict[str, Totals] = {}
        striped: dict[str, tuple[Asset, int]] = {}
        async with self._client.start_session(snapshot=True) as session:
            async for accounts in _chunks(self._accounts_of(book, session)):
                for account, balance in await self._balances(accounts, at):
                    whole = base_id(account.id)
                    if whole == account.id:
                        _include(totals, account.asset, balance)
                    else:
                        striped[whole] = (account.asset, striped.get(whole, (account.asset, 0))[1] + balance)
        for asset, balance in striped.values():
            _include(totals, asset, balance)
        return [totals[code] for code in sorted(totals)]

    async def _accounts_of(self, book: str, session: AsyncClientSession) -> AsyncIterator[Account]:
        accounts = self._accounts.with_options(read_concern=ReadConcern())
        async for document in accounts.find({"_id": ids_of_book(book)}, session=session).sort("_id", ASCENDING):
            yield account_from(document)

    async def _balances(self, accounts: list[Account], at: datetime | None) -> list[tuple[Account, int]]:
        """The balance of each account that had been posted to by then."""
        if at is None:
            return [(account, account.balance) for account in accounts if account.seq]
        searches = {account.id: _search(account, {"$lte": at}) for account in accounts}
        while probes := {each.account_id: numbers for each in searches.values() if (numbers := each.probes())}:
            found = await self._last_of_each(probes, {"$lte": at})
            for account_id, numbers in probes.items():
                searches[account_id].narrow(numbers, found.get(account_id))
        pairs = ((account, searches[account.id]) for account in accounts)
        return [(account, search.balance) for account, search in pairs if search.seq]

    async def _last(self, account: Account, in_time: Mapping[str, datetime]) -> Search:
        """The search for the account's last entry in time, done. Each look answers with one entry, or none."""
        search = _search(account, in_time)
        while probes := search.probes():
            ids = {"$in": [entry_id(account.id, seq) for seq in probes]}
            query = {"_id": ids, "timestamp": in_time}
            entry = await self._entries.find_one(query, _LEFT, sort=[("_id", DESCENDING)])
            search.narrow(probes, _left(entry) if entry else None)
        return search

    async def _last_of_each(
        self, probes: Mapping[str, list[int]], in_time: Mapping[str, datetime]
    ) -> dict[str, tuple[int, int]]:
        """Of each account the last of its probes in time, and what it left."""
        ids = {"$in": [entry_id(account_id, seq) for account_id, numbers in probes.items() for seq in numbers]}
        stages: list[Document] = [
            {"$match": {"_id": ids, "timestamp": in_time}},
            {"$group": {"_id": "$account_id", "last": {"$max": {"seq": "$seq", "balance_after": "$balance_after"}}}},
        ]
        async with await self._entries.aggregate(stages) as found:
            return {each["_id"]: _left(each["last"]) for each in await found.to_list()}


def _search(account: Account, in_time: Mapping[str, datetime]) -> Search:
    """The search in an account; over before it begins where nothing has moved since.

    An account may have moved later than its last entry, by a hold: that says nothing of the entry.
    """
    moved, ((comparison, instant),) = account.updated_at, in_time.items()
    if moved is not None and (moved < instant or (moved == instant and comparison == "$lte")):
        return Search(account.id, account.seq + 1, account.seq, account.balance)
    return Search(account.id, account.seq + 1)


def _left(entry: Document) -> tuple[int, int]:
    return entry["seq"], from_decimal128(entry["balance_after"])


def _include(totals: dict[str, Totals], asset: Asset, balance: int) -> None:
    totals[asset.code] = totals.get(asset.code, Totals(asset)).including(balance)


async def _chunks(items: AsyncIterable[T]) -> AsyncIterator[list[T]]:
    chunk: list[T] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) == _TOGETHER:
            yield chunk
            chunk = []
    yield chunk
