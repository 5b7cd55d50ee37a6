"""The plain way: one MongoDB transaction per transfer, with the same rules, documents and durability.

It writes no blocks: a chain would have all its transfers wait for one head.
"""

from pymongo import AsyncMongoClient, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from app.clock import Clock
from app.errors import IdempotencyKeyReused, WalletError
from app.ledger.changes import Change, Document
from app.ledger.documents import account_from, moving_fields
from app.plumbing.mongo import Database
from bench.wiring import book_over, loose_stream

_SNAPSHOT = ReadConcern("snapshot")
_DURABLE = WriteConcern(w="majority", j=True)


class Naive:
    """Posts transfers between accounts that are there, each in a transaction that the driver itself retries.

    The order is the kindest to it: accounts are written first, so that a conflict shows before anything else is
    sent, and an id that is taken shows when it is inserted instead of costing a read each time.
    """

    def __init__(self, client: AsyncMongoClient[Document], database: Database, clock: Clock) -> None:
        self._client = client
        self._accounts = database["accounts"]
        self._transactions = database["transactions"]
        self._entries = database["ledger_entries"]
        self._clock = clock
        self._stream = loose_stream()

    async def post(self, change: Change) -> None:
        """Make the change true. Raises what the book refuses it for."""

        async def attempt(session: AsyncClientSession) -> None:
            await self._attempt(change, session)

        async with self._client.start_session() as session:
            try:
                await session.with_transaction(attempt, read_concern=_SNAPSHOT, write_concern=_DURABLE)
            except DuplicateKeyError:
                await self._require_same(change)

    async def _attempt(self, change: Change, session: AsyncClientSession) -> None:
        ids = [leg.account_id for transaction in change.transactions for leg in transaction.legs]
        found = await self._accounts.find({"_id": {"$in": ids}}, session=session).to_list()
        book = book_over(map(account_from, found), self._stream, self._clock.now())
        verdict = book.judge(change)
        if isinstance(verdict, WalletError):
            raise verdict
        updates = [
            UpdateOne({"_id": account.id}, {"$set": moving_fields(account)}) for _, account in book.changed_accounts
        ]
        await self._accounts.bulk_write(updates, ordered=False, session=session)
        for transaction in book.transactions:
            await self._transactions.insert_one(transaction, session=session)
        await self._entries.insert_many(book.entries, session=session)

    async def _require_same(self, change: Change) -> None:
        for transaction in change.transactions:
            stored = await self._transactions.find_one({"_id": transaction.id})
            if stored is None or stored["fingerprint"] != transaction.fingerprint:
                raise IdempotencyKeyReused("transactions")
