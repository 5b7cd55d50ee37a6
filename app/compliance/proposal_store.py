"""What waits for another's agreement, in MongoDB: reading it. It is written through the door."""

from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from app.ledger.changes import Document
from app.ledger.feed_store import Place
from app.plumbing.collections import CollectionSpec, ids_of_book
from app.plumbing.mongo import Database

PROPOSALS = "proposals"

COLLECTIONS = (
    CollectionSpec(
        PROPOSALS,
        indexes=(IndexModel([("book", ASCENDING), ("status", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)]),),
    ),
)


class ProposalStore:
    """The proposals of every book: one for each subject, the last one."""

    def __init__(self, database: Database) -> None:
        self._proposals = database[PROPOSALS]

    async def proposal(self, proposal_id: str) -> Document | None:
        """The proposal of that stored id."""
        return await self._proposals.find_one({"_id": proposal_id})

    async def waiting(self, book: str, now: datetime, before: Place | None, limit: int) -> list[Document]:
        """A book's proposals that can still be agreed to, the newest first, behind ``before``."""
        wanted: Document = {
            "_id": ids_of_book(book),
            "book": book,
            "status": "proposed",
            "expires_at": {"$gt": now},
        }
        if before is not None:
            wanted["$or"] = [{"at": {"$lt": before.at}}, {"at": before.at, "_id": {"$lt": before.id}}]
        newest = [("at", DESCENDING), ("_id", DESCENDING)]
        return await self._proposals.find(wanted).sort(newest).limit(limit).to_list()
