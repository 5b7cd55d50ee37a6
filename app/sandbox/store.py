"""The sandbox's own Mongo database: one process writes it, and every change is whole or not at all."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar

from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]
Query = Mapping[str, Any]
StoreFailure = PyMongoError
"""What every method raises when the database does not answer."""

_COUNTERS = "counters"
_PATIENCE_MS = 3_000
_NUMBERS_RESERVED = 100
_Result = TypeVar("_Result")
_session: ContextVar[AsyncClientSession | None] = ContextVar("sandbox_session", default=None)
_kept: ContextVar[list[Callable[[], None]] | None] = ContextVar("sandbox_kept", default=None)


class Store:
    """Documents by collection. Inside ``atomically`` every call joins the same transaction."""

    def __init__(self, uri: str, database: str) -> None:
        self._uri = uri
        self._name = database
        self._collections: tuple[str, ...] = ()
        self._queues: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._numbering = asyncio.Lock()
        self._numbers = range(0)
        self._client: AsyncMongoClient[Document] | None = None

    async def open(self, collections: Mapping[str, Sequence[str]], started_at: datetime) -> None:
        """Connect, and create what is missing: collections must exist before a transaction writes to them.

        An index is named by its fields, joined by ``+``.
        """
        self._client = AsyncMongoClient(self._uri, tz_aware=True, serverSelectionTimeoutMS=_PATIENCE_MS)
        self._collections = tuple(collections)
        there = set(await self._database.list_collection_names())
        for name in (*collections, _COUNTERS):
            if name not in there:
                await self._database.create_collection(name)
        for name, indexes in collections.items():
            for index in indexes:
                await self._database[name].create_index([(field, 1) for field in index.split("+")])
        # Numbers begin at the milliseconds of the first start, so a new database does not repeat an old one's ids.
        await self._database[_COUNTERS].update_one(
            {"_id": "number"}, {"$setOnInsert": {"last": int(started_at.timestamp()) * 1_000}}, upsert=True
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def wipe(self, *, keep: Collection[str]) -> None:
        """Empty every collection but those; numbers go on, so no id comes twice."""
        for name in self._collections:
            if name not in keep:
                await self._database[name].delete_many({})

    async def atomically(self, work: Callable[[], Awaitable[_Result]], *, queue: str | None = "") -> _Result:
        """Run the work as one transaction; nothing of it is seen when it raises.

        Works of one queue wait for each other. Works of different queues, and those of none, run beside each other:
        what collides is run again, so a queue is for works that would always collide.
        """
        if queue is None:
            return await self._transact(work)
        async with self._queues[queue]:
            return await self._transact(work)

    async def _transact(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        then: list[Callable[[], None]] = []

        async def inside(joined: AsyncClientSession) -> _Result:
            then.clear()
            tokens = _session.set(joined), _kept.set(then)
            try:
                return await work()
            finally:
                _session.reset(tokens[0])
                _kept.reset(tokens[1])

        async with self._connected.start_session() as session:
            result = await session.with_transaction(inside)
        for call in then:
            call()
        return result

    def once_kept(self, call: Callable[[], None]) -> None:
        """Do this as soon as others can see what was written: now, or when the transaction has been committed."""
        then = _kept.get()
        if then is None:
            call()
        else:
            then.append(call)

    async def next_number(self) -> int:
        """A number never given out before. It is not part of any transaction: a number may be lost, never repeated."""
        async with self._numbering:
            if not self._numbers:
                self._numbers = await self._reserve()
            number, self._numbers = self._numbers[0], self._numbers[1:]
            return number

    async def _reserve(self) -> range:
        counter = await self._database[_COUNTERS].find_one_and_update(
            {"_id": "number"}, {"$inc": {"last": _NUMBERS_RESERVED}}, return_document=ReturnDocument.AFTER
        )
        if counter is None:
            raise RuntimeError("the store has not been opened")
        last = int(counter["last"])
        return range(last - _NUMBERS_RESERVED + 1, last + 1)

    async def get(self, collection: str, key: str) -> Document | None:
        return await self._in(collection).find_one({"_id": key}, session=_session.get())

    async def find(
        self,
        collection: str,
        query: Query,
        *,
        sort: Sequence[tuple[str, int]] = (("_id", 1),),
        skip: int = 0,
        limit: int = 1_000,
    ) -> list[Document]:
        cursor = self._in(collection).find(query, session=_session.get())
        return await cursor.sort(list(sort)).skip(skip).limit(limit).to_list()

    async def count(self, collection: str, query: Query) -> int:
        return await self._in(collection).count_documents(query, session=_session.get())

    async def put(self, collection: str, document: Document) -> None:
        """Write the document, in place of the one with its ``_id`` if there is one."""
        await self._in(collection).replace_one({"_id": document["_id"]}, document, upsert=True, session=_session.get())

    async def add(self, collection: str, documents: Sequence[Document]) -> None:
        """Write documents that are not there yet, all in one message."""
        await self._in(collection).insert_many(documents, session=_session.get())

    async def change(
        self, collection: str, query: Query, update: Query, *, sort: Sequence[tuple[str, int]] = (("_id", 1),)
    ) -> Document | None:
        """Apply the update to the first document that fits; the document as it then is, or None."""
        return await self._in(collection).find_one_and_update(
            query, update, sort=list(sort), return_document=ReturnDocument.AFTER, session=_session.get()
        )

    async def note(self, collection: str, document: Document) -> None:
        """Write as ``put`` does, but without waiting for the disk: for what may be lost with the machine."""
        quick = self._in(collection).with_options(write_concern=WriteConcern(w=1))
        await quick.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def delete(self, collection: str, query: Query) -> int:
        return (await self._in(collection).delete_many(query, session=_session.get())).deleted_count

    @property
    def _connected(self) -> AsyncMongoClient[Document]:
        if self._client is None:
            raise RuntimeError("the store has not been opened")
        return self._client

    @property
    def _database(self) -> AsyncDatabase[Document]:
        return self._connected[self._name]

    def _in(self, collection: str) -> AsyncCollection[Document]:
        return self._database[collection]
