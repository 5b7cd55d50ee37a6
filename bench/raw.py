"""The bound from below: the same documents inserted and updated in batches, without reading or judging anything.

It has one batch in flight, and leaves out what there is one of per batch. What else it leaves out is what the door is
for: the state is never read, nothing can be refused, no identity is known, no version guards a write, and the books it
leaves are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from app.clock import Clock
from app.ledger.changes import Document
from app.ledger.documents import entry_id, moving_fields
from app.plumbing.mongo import Database
from bench.wiring import book_over, loose_stream
from bench.world import Draw, Transfers, customer

_DURABLE = {"w": "majority", "j": True}


@dataclass(slots=True)
class _Documents:
    """One batch's documents, ready to send."""

    transactions: list[Document] = field(default_factory=list)
    entries: list[Document] = field(default_factory=list)
    accounts: dict[str, Document] = field(default_factory=dict)


class Raw:
    """Writes batches of transfers' documents, copied from the door's own with only ids and numbers put in."""

    def __init__(
        self,
        client: AsyncMongoClient[Document],
        database: Database,
        clock: Clock,
        transfers: Transfers,
        *,
        inside: bool,
    ) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._transfers = transfers
        self._inside = inside
        self._stream = loose_stream().slot
        self._number = 0
        self._seqs: dict[str, int] = {}
        self._pattern = _pattern(clock)

    async def write(self, size: int) -> None:
        """Write one batch of that many transfers, inside one transaction or outside any."""
        self._number += 1
        documents = self._documents(size)
        if not self._inside:
            await self._write_all(documents, None)
            return
        async with self._client.start_session() as session:
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=WriteConcern(w="majority", j=True)
            )
            await self._write_all(documents, session)
            await session.commit_transaction()

    async def _write_all(self, documents: _Documents, session: AsyncClientSession | None) -> None:
        updates: list[Document] = [
            {"q": {"_id": account_id}, "u": {"$set": moved}} for account_id, moved in documents.accounts.items()
        ]
        await self._send("update", "accounts", updates, session)
        await self._send("insert", "transactions", documents.transactions, session)
        await self._send("insert", "ledger_entries", documents.entries, session)

    async def _send(
        self, verb: str, collection: str, content: Sequence[Document], session: AsyncClientSession | None
    ) -> None:
        what = "updates" if verb == "update" else "documents"
        command: Document = {verb: collection, what: content, "ordered": True}
        if session is None:
            command["writeConcern"] = _DURABLE
        reply = await self._database.command(command, session=session)
        if reply.get("writeErrors") or reply["n"] != len(content):
            raise RuntimeError(f"a raw write failed: {reply.get('writeErrors', reply['n'])}")

    def _documents(self, size: int) -> _Documents:
        documents = _Documents()
        for index in range(size):
            self._add(documents, index)
        return documents

    def _add(self, documents: _Documents, index: int) -> None:
        transaction, entries, account = self._pattern
        transaction_id, sides, now = self._transfers.next_id(), self._transfers.sides(), self._clock.now()
        legs = [{**leg, "account_id": side} for leg, side in zip(transaction["legs"], sides, strict=True)]
        documents.transactions.append(
            {
                **transaction,
                "_id": transaction_id,
                "source_account_id": sides[0],
                "dest_account_id": sides[1],
                "legs": legs,
                "position": {"stream": self._stream, "n": self._number, "i": index},
                "timestamp": now,
            }
        )
        for entry, side in zip(entries, sides, strict=True):
            seq = self._next_seq(side)
            named = {"transaction_id": transaction_id, "account_id": side, "seq": seq, "timestamp": now}
            documents.entries.append({**entry, "_id": entry_id(side, seq), **named})
            documents.accounts[side] = {
                **account,
                "seq": seq,
                "version": seq,
                "last_transaction_id": transaction_id,
                "updated_at": now,
            }

    def _next_seq(self, account_id: str) -> int:
        seq = self._seqs[account_id] = self._seqs.get(account_id, 0) + 1
        return seq


def _pattern(clock: Clock) -> tuple[Document, list[Document], Document]:
    """A transaction, its entries and an account as the door itself would write them."""
    book = book_over((customer(0), customer(1)), loose_stream(), clock.now())
    book.judge(Transfers(Draw(2), "pattern").next())
    _, account = next(iter(book.changed_accounts))
    return book.transactions[0], book.entries, moving_fields(account)
