"""A ledger with years behind it, written in bulk: the rules themselves make the documents, so the books are true.

Customers are pairs that have paid each other back and forth; the first pair may have done so very often. Documents are
inserted in the order of their ids, which is what makes loading quick; transaction ids are spread over the same space
as real ones, so that transfers made later fall between them.
"""

from base64 import b32encode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic
from typing import Any, Self

from pymongo.write_concern import WriteConcern

from app.ids import new_id, stored_id
from app.ledger.accounts import Account
from app.ledger.blocks import Block
from app.ledger.book import Book
from app.ledger.changes import Change, Document
from app.ledger.documents import account_document, block_document
from app.ledger.stream_store import StreamStore
from app.ledger.streams import Stream
from app.ledger.transactions import Transaction, credit, debit
from app.money import USD, Money
from app.plumbing.mongo import Database, connect
from bench.child import serve_one_job
from bench.measuring import Sample
from bench.wiring import book_over
from bench.world import BOOK, FOUNDED_AT, customer, customer_id

BETWEEN = timedelta(minutes=1)
"""From one commit of a history to the next."""

_PAIRS_AT_ONCE = 200
_INSERTED_AT_ONCE = 2_000
_IN_MEMORY = WriteConcern(w=1, j=False)


@dataclass(frozen=True, slots=True)
class History:
    """Customers in pairs, each pair with so many transfers; the first pair has ``deep`` of them, if that is more."""

    pairs: int
    transfers: int
    deep: int = 0

    def transfers_of(self, pair: int) -> int:
        """How often this pair paid each other."""
        return max(self.transfers, self.deep) if pair == 0 else self.transfers

    def transaction_id(self, pair: int, number: int) -> str:
        """The id of a pair's transfer, in the order of pairs and numbers, evenly over all that ids can be."""
        position = (pair << 32 | number) * 2**128 // (self.pairs << 32)
        letters = b32encode(position.to_bytes(16, "big")).decode().rstrip("=").lower()
        return stored_id(BOOK, f"txn_{letters}")


@dataclass(frozen=True, slots=True)
class LoadingJob:
    """Pairs ``first`` to ``last`` (without it) of a history, for one process to write."""

    uri: str
    database: str
    history: History
    first: int
    last: int

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**{**content, "history": History(**content["history"])})


@dataclass(slots=True)
class _Written:
    """Documents on their way to the server."""

    database: Database
    transactions: list[Document] = field(default_factory=list)
    entries: list[Document] = field(default_factory=list)
    blocks: list[Document] = field(default_factory=list)
    written: int = 0

    async def take(self, book: Book, block: Block) -> None:
        """Take what a book made, and send it when it is worth a journey."""
        self.blocks.append(block_document(block))
        self.transactions.extend(book.transactions)
        self.entries.extend(book.entries)
        if len(self.entries) >= _INSERTED_AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        """Send what there is, in the order of ids."""
        self.written += len(self.entries)
        for name, documents in (
            ("transactions", self.transactions),
            ("ledger_entries", self.entries),
            ("blocks", self.blocks),
        ):
            if documents:
                collection = self.database[name].with_options(write_concern=_IN_MEMORY)
                await collection.insert_many(sorted(documents, key=lambda each: str(each["_id"])), ordered=False)
        self.transactions, self.entries, self.blocks = [], [], []

    async def finish(self, accounts: Iterable[Account]) -> None:
        """Write the accounts as their transactions left them, last and durably, so that all before is durable too."""
        await self.flush()
        await self.database["accounts"].insert_many([account_document(account) for account in accounts], ordered=False)


async def write(job: LoadingJob, ready: Callable[[], Awaitable[None]]) -> Sample:
    """Write the job's part of the history; the sample counts entries."""
    client, database = connect(job.uri, job.database)
    async with client:
        await ready()
        began, entries = monotonic(), await write_history(database, job.history, job.first, job.last)
        lasted_s = monotonic() - began
        return Sample(entries / lasted_s, 0.0, 0.0, lasted_s, refused={}, cpu={})


async def write_history(database: Database, history: History, first: int, last: int) -> int:
    """Write those pairs of the history into a database without them; how many entries that were."""
    streams = StreamStore(database)
    written, commits = _Written(database), _Commits(history, await streams.claim(BOOK, new_id("com")))
    for pairs in _together(history, first, last):
        accounts = {account.id: account for pair in pairs for account in _pair(pair)}
        for number in range(history.transfers_of(pairs[0])):
            book = commits.next(pairs, number, accounts)
            accounts.update((account.id, account) for _, account in book.changed_accounts)
            await written.take(book, commits.seal(book))
        await written.finish(accounts.values())
    await _move(database, commits.stream)
    await streams.give_back(commits.stream)
    return written.written


async def _move(database: Database, stream: Stream) -> None:
    """Leave the stream's head where its last block is."""
    await database["streams"].update_one({"_id": stream.id}, {"$set": {"n": stream.number, "hash": stream.hash}})


class _Commits:
    """One commit of several pairs' transfers after the other, a minute apart, chained as the door chains them."""

    def __init__(self, history: History, stream: Stream) -> None:
        self._history = history
        self.stream = stream

    def next(self, pairs: range, number: int, accounts: dict[str, Account]) -> Book:
        """Each pair's transfer of that number, judged."""
        at = FOUNDED_AT + (self.stream.number + 1) * BETWEEN
        book = book_over(accounts.values(), self.stream, at)
        for pair in pairs:
            book.judge(_change(self._history.transaction_id(pair, number), pair, number))
        return book

    def seal(self, book: Book) -> Block:
        """The block of that commit; the stream goes on behind it."""
        block = book.block(token=new_id("bat"))
        self.stream = self.stream.after(block)
        return block


def _change(transaction_id: str, pair: int, number: int) -> Change:
    """Every other time the money goes back; not always as much."""
    one, other = customer_id(2 * pair), customer_id(2 * pair + 1)
    source, destination = (one, other) if number % 2 else (other, one)
    amount = Money(100 + number % 7, USD)
    return Change(
        BOOK, (Transaction(transaction_id, "transfer", (debit(source, amount), credit(destination, amount))),)
    )


def _pair(pair: int) -> tuple[Account, Account]:
    first, second = (replace(customer(2 * pair + side), version=1, updated_at=FOUNDED_AT) for side in (0, 1))
    return first, second


def _together(history: History, first: int, last: int) -> Iterator[range]:
    """Runs of pairs that paid each other equally often."""
    if first == 0 and history.deep > history.transfers:
        yield range(1)
        first = 1
    for begin in range(first, last, _PAIRS_AT_ONCE):
        yield range(begin, min(begin + _PAIRS_AT_ONCE, last))


if __name__ == "__main__":
    serve_one_job(LoadingJob.read, write)
