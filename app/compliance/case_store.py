"""Cases in MongoDB: reading them. They are opened and decided through the door."""

from typing import Any

from pymongo import DESCENDING

from app.ledger.changes import Document
from app.ledger.feed_store import Place
from app.plumbing.collections import ids_of_book
from app.plumbing.mongo import Database


class CaseStore:
    """The cases of every book."""

    def __init__(self, database: Database) -> None:
        self._cases = database["cases"]

    async def case(self, case_id: str) -> Document | None:
        """The case of that stored id."""
        return await self._cases.find_one({"_id": case_id})

    async def page(self, book: str, query: dict[str, Any], before: Place | None, limit: int) -> list[Document]:
        """A book's cases, the newest first, behind ``before``."""
        wanted: Document = {"_id": ids_of_book(book), "book": book, **query}
        if before is not None:
            earlier = {"opened_at": {"$lt": before.at}}
            wanted["$or"] = [earlier, {"opened_at": before.at, "_id": {"$lt": before.id}}]
        newest = [("opened_at", DESCENDING), ("_id", DESCENDING)]
        return await self._cases.find(wanted).sort(newest).limit(limit).to_list()
