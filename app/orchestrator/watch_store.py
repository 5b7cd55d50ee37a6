"""Watches in MongoDB. Reading only: they are written by the door, in the commit of what they go with."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from app.ids import book_of
from app.ledger.changes import Document
from app.orchestrator.watches import WATCHES, WatchRecord, WatchStatus, watch_from
from app.plumbing.collections import CollectionSpec, ids_of_book

_DATE = {"$type": "date"}

COLLECTIONS = (
    CollectionSpec(
        WATCHES,
        indexes=(
            IndexModel([("ref", ASCENDING)]),
            IndexModel([("saga_id", ASCENDING)]),
            IndexModel([("user_id", ASCENDING), ("until", ASCENDING)]),
            IndexModel([("look_at", ASCENDING)], partialFilterExpression={"look_at": _DATE}),
        ),
    ),
)


class WatchStore:
    """The watches collection of one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._watches = database[WATCHES]

    async def watch(self, watch_id: str) -> WatchRecord | None:
        """The watch of that stored id."""
        document = await self._watches.find_one({"_id": watch_id})
        return watch_from(document) if document else None

    async def watches_about(self, refs: Sequence[str]) -> list[WatchRecord]:
        """Every watch on one of these objects, whatever its status."""
        return [watch_from(document) async for document in self._watches.find({"ref": {"$in": list(refs)}})]

    async def watches_due(self, now: datetime, limit: int) -> list[WatchRecord]:
        """The watches that want to be looked after, the longest due first."""
        due = self._watches.find({"look_at": {"$lte": now, **_DATE}}).sort("look_at", ASCENDING).limit(limit)
        return [watch_from(document) async for document in due]

    async def watches_of(self, saga_id: str) -> list[WatchRecord]:
        """A saga's watches."""
        query = {"saga_id": saga_id, "_id": ids_of_book(book_of(saga_id))}
        return [watch_from(document) async for document in self._watches.find(query)]

    async def watches_open(self, book: str, user_id: str, limit: int) -> list[WatchRecord]:
        """What of that user's is still watched."""
        query = {"user_id": user_id, "status": WatchStatus.OPEN.value, "_id": ids_of_book(book)}
        return [watch_from(document) async for document in self._watches.find(query).limit(limit)]
