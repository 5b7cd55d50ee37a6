"""Streams in MongoDB: claiming, renewing and giving back. Leases use the server's time, and only leases do."""

from typing import Any

from pymongo import DESCENDING, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError

from app.ids import stored_id
from app.ledger.blocks import GENESIS, block_id
from app.ledger.changes import Document
from app.ledger.outcomes import BatchTransient
from app.ledger.streams import LEASE_S, SLOTS_MAX, Stream, slot_name

_LEASED: dict[str, Any] = {"$add": ["$$NOW", LEASE_S * 1000]}


class StreamStore:
    """The heads of all streams in one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._streams = database["streams"]
        self._blocks = database["blocks"]

    async def claim(self, book: str, owner: str) -> Stream:
        """A stream of that book for this owner: a free one with its epoch raised, or a new one.

        Raises BatchTransient when every slot is taken, or the server does not answer.
        """
        try:
            document = await self._claim_free(book, owner) or await self._create(book, owner)
        except PyMongoError as error:
            raise BatchTransient from error
        if document is None:
            raise BatchTransient
        return await self._at_its_end(document)

    async def renew(self, stream: Stream) -> bool:
        """Lengthen the lease and note how far the stream is; False once somebody else owns it.

        Raises BatchTransient.
        """
        return await self._lease(stream, _LEASED)

    async def give_back(self, stream: Stream) -> None:
        """Let the next owner have it at once. Raises BatchTransient."""
        await self._lease(stream, "$$NOW")

    async def _lease(self, stream: Stream, until: object) -> bool:
        mine = {"_id": stream.id, "epoch": stream.epoch}
        try:
            reached = {"n": stream.number, "hash": {"$literal": stream.hash}, "lease_until": until}
            result = await self._streams.update_one(mine, [{"$set": reached}])
        except PyMongoError as error:
            raise BatchTransient from error
        return result.matched_count == 1

    async def read(self, stream: Stream) -> Stream | None:
        """The stream as it is now, if it is still this owner's. Raises BatchTransient."""
        try:
            document = await self._streams.find_one({"_id": stream.id})
        except PyMongoError as error:
            raise BatchTransient from error
        if document is None or document["epoch"] != stream.epoch:
            return None
        return await self._at_its_end(document)

    async def token_of(self, stream: Stream, number: int) -> str | None:
        """The mark of the attempt that wrote the stream's block of that number. Raises BatchTransient."""
        try:
            block = await self._blocks.find_one({"_id": block_id(stream.id, number)}, {"token": 1})
        except PyMongoError as error:
            raise BatchTransient from error
        return block["token"] if block else None

    async def _claim_free(self, book: str, owner: str) -> Document | None:
        mine = {"$gte": stored_id(book, slot_name(0)), "$lt": stored_id(book, "str_~")}
        return await self._streams.find_one_and_update(
            {"_id": mine, "$expr": {"$lte": ["$lease_until", "$$NOW"]}},
            [{"$set": {"epoch": {"$add": ["$epoch", 1]}, "owner": {"$literal": owner}, "lease_until": _LEASED}}],
            sort=[("_id", 1)],
            return_document=ReturnDocument.AFTER,
        )

    async def _create(self, book: str, owner: str) -> Document | None:
        for number in range(SLOTS_MAX):
            head = {"_id": stored_id(book, slot_name(number)), "epoch": 1, "n": 0, "hash": GENESIS, "owner": owner}
            try:
                await self._streams.update_one(
                    {"_id": head["_id"], "epoch": {"$lt": 0}},
                    [{"$set": {**{name: {"$literal": value} for name, value in head.items()}, "lease_until": _LEASED}}],
                    upsert=True,
                )
            except DuplicateKeyError:
                continue
            return head
        return None

    async def _at_its_end(self, document: Document) -> Stream:
        """The stream behind its last block; what the head says of itself may be older."""
        stream_id = document["_id"]
        own = {"_id": {"$gte": block_id(stream_id, 0), "$lt": f"{stream_id}#~"}}
        try:
            last = await self._blocks.find_one(own, {"n": 1, "hash": 1}, sort=[("_id", DESCENDING)])
        except PyMongoError as error:
            raise BatchTransient from error
        number, last_hash = (last["n"], last["hash"]) if last else (0, GENESIS)
        return Stream(stream_id, document["epoch"], number, last_hash)
