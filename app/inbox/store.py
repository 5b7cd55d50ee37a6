"""The inbox in MongoDB. Inserting is one of the two writes that do not pass the ledger's door."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from app.inbox.messages import Document
from app.plumbing.collections import CollectionSpec

_WRITE_TIMEOUT_MS = 5_000
_DUPLICATE = 11_000

COLLECTIONS: tuple[CollectionSpec, ...] = (
    CollectionSpec(
        "inbox",
        indexes=(
            IndexModel([("status", ASCENDING), ("due_at", ASCENDING)]),
            IndexModel([("refs", ASCENDING)]),
            IndexModel([("received_at", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("provider", ASCENDING), ("received_at", DESCENDING)]),
        ),
        schema={
            "bsonType": "object",
            "required": ["provider", "event_id", "type", "refs", "payload", "status", "attempts", "due_at", "version"],
            "properties": {
                "provider": {"bsonType": "string"},
                "event_id": {"bsonType": "string"},
                "type": {"bsonType": "string"},
                "refs": {"bsonType": "array", "items": {"bsonType": "string"}},
                "payload": {"bsonType": "object"},
                "status": {"enum": ["received", "done", "parked"]},
                "attempts": {"bsonType": ["int", "long"], "minimum": 0},
                "due_at": {"bsonType": "date"},
                "received_at": {"bsonType": "date"},
                "settled_at": {"bsonType": ["date", "null"]},
                "version": {"bsonType": ["int", "long"], "minimum": 1},
            },
        },
    ),
)


class InboxStore:
    """The inbox collection."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        durable = WriteConcern(w="majority", j=True, wtimeout=_WRITE_TIMEOUT_MS)
        self._inbox = database["inbox"].with_options(write_concern=durable)

    async def insert(self, *documents: Mapping[str, Any]) -> list[bool]:
        """Keep new events, durably on a majority, in one message; of each, whether it had not been here before."""
        if not documents:
            return []
        old = set[int]()
        try:
            await self._inbox.insert_many([dict(document) for document in documents], ordered=False)
        except BulkWriteError as failure:
            told = failure.details
            if told["writeConcernErrors"] or any(each["code"] != _DUPLICATE for each in told["writeErrors"]):
                raise
            old = {each["index"] for each in told["writeErrors"]}
        return [place not in old for place in range(len(documents))]

    async def due(self, now: datetime, limit: int) -> list[Document]:
        """The events whose turn has come, the longest due first."""
        cursor = self._inbox.find({"status": "received", "due_at": {"$lte": now}}).sort("due_at", ASCENDING)
        return await cursor.limit(limit).to_list()

    async def by_id(self, document_id: str) -> Document | None:
        """The event of that id."""
        return await self._inbox.find_one({"_id": document_id})

    async def page(self, status: str | None, before: tuple[datetime, str] | None, limit: int) -> list[Document]:
        """Events of one status or any, the latest received first, behind that time and id."""
        query: Document = {"status": status} if status else {}
        if before is not None:
            at, event_id = before
            query["$or"] = [{"received_at": {"$lt": at}}, {"received_at": at, "_id": {"$lt": event_id}}]
        newest = [("received_at", DESCENDING), ("_id", DESCENDING)]
        return await self._inbox.find(query).sort(newest).limit(limit).to_list()

    async def about(self, refs: Collection[str], limit: int) -> list[Document]:
        """The events not yet applied that concern any of these objects, the earliest first."""
        query = {"refs": {"$in": list(refs)}, "status": "received"}
        return await self._inbox.find(query).sort("received_at", ASCENDING).limit(limit).to_list()

    async def named_together(self, refs: Collection[str]) -> dict[str, list[str]]:
        """By each of these references, all that the events about it name: itself, and others with it."""
        found: dict[str, list[str]] = {ref: [] for ref in refs}
        async for document in self._inbox.find({"refs": {"$in": list(refs)}}, {"refs": 1}):
            for ref in found.keys() & set(document["refs"]):
                found[ref] += document["refs"]
        return found
