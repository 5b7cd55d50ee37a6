"""The audit trail in MongoDB: reading it. What is written goes through the door."""

from collections.abc import Collection
from itertools import groupby
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from app.compliance.trail import AUDIT, AUDIT_HEADS, breaks
from app.ids import book_of, stored_id
from app.ledger.changes import Document
from app.plumbing.collections import CollectionSpec, ids_of_book
from app.plumbing.mongo import Database

COLLECTIONS = (
    CollectionSpec(
        AUDIT,
        indexes=(
            IndexModel([("book", ASCENDING), ("seq", DESCENDING)]),
            IndexModel([("book", ASCENDING), ("subject", ASCENDING), ("seq", DESCENDING)]),
            IndexModel([("book", ASCENDING), ("act", ASCENDING), ("seq", DESCENDING)]),
            IndexModel([("book", ASCENDING), ("by", ASCENDING), ("seq", DESCENDING)]),
        ),
    ),
    CollectionSpec(AUDIT_HEADS),
)


class TrailStore:
    """The trail of every book."""

    def __init__(self, database: Database) -> None:
        self._entries = database[AUDIT]
        self._heads = database[AUDIT_HEADS]

    async def head(self, book: str) -> Document | None:
        """Where the book's chain ends; None where nobody has acted yet."""
        return await self._heads.find_one({"_id": stored_id(book, AUDIT)})

    async def entry(self, entry_id: str) -> Document | None:
        """The entry of that stored id."""
        return await self._entries.find_one({"_id": entry_id})

    async def present(self, entry_ids: Collection[str]) -> set[str]:
        """Which of these stored ids have an entry."""
        return {each["_id"] async for each in self._entries.find({"_id": {"$in": list(entry_ids)}}, {"_id": 1})}

    async def entries(self, book: str, query: dict[str, Any], before: int | None, limit: int) -> list[Document]:
        """A book's entries below that number, newest first."""
        found: Document = {"book": book, "_id": ids_of_book(book), **query}
        if before is not None:
            found["seq"] = {"$lt": before}
        return await self._entries.find(found).sort("seq", DESCENDING).limit(limit).to_list()

    async def breaks(self) -> list[str]:
        """What is wrong with any book's chain."""
        heads = {book_of(head["_id"]): head async for head in self._heads.find()}
        everything = await self._entries.find().sort([("book", ASCENDING), ("seq", ASCENDING)]).to_list()
        found: list[str] = []
        for book, entries in groupby(everything, key=lambda each: each["book"]):
            found.extend(breaks(entries, heads.pop(book, None)))
        found.extend(f"the audit trail of {book} is gone" for book in heads)
        return found
