"""Who may be found by what, in MongoDB: reading it. It is written through the door."""

from app.ledger.changes import Document
from app.plumbing.collections import CollectionSpec
from app.plumbing.mongo import Database

RECIPIENTS = "recipients"

COLLECTIONS = (CollectionSpec(RECIPIENTS),)


class RecipientStore:
    """The recipients collection: an entry for every name that somebody is found by, and one for each customer's own."""

    def __init__(self, database: Database) -> None:
        self._recipients = database[RECIPIENTS]

    async def entry(self, entry_id: str) -> Document | None:
        """The entry of that stored id."""
        return await self._recipients.find_one({"_id": entry_id})
