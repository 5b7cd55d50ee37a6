"""When each customer's addresses were first seen, in MongoDB: reading it. It is written through the door."""

from datetime import datetime

from app.plumbing.collections import CollectionSpec
from app.plumbing.mongo import Database

PAYEES = "payees"

COLLECTIONS = (CollectionSpec(PAYEES),)


class PayeeStore:
    """The payees collection."""

    def __init__(self, database: Database) -> None:
        self._payees = database[PAYEES]

    async def first_seen_at(self, payee_id: str) -> datetime | None:
        """When that payee was first asked for; None: never."""
        document = await self._payees.find_one({"_id": payee_id})
        return document["first_seen_at"] if document else None
