"""What monitoring reads: the committed feed, how far it has come, and what customers moved before."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel

from app.compliance.rules import Movement
from app.ledger.blocks import block_id
from app.ledger.changes import Document
from app.plumbing.collections import CollectionSpec, ids_of_book
from app.plumbing.decimals import from_decimal128
from app.plumbing.mongo import Database

MOVEMENTS, MONITOR_CURSORS = "movements", "monitor_cursors"

COLLECTIONS = (
    CollectionSpec(
        MOVEMENTS,
        indexes=(
            IndexModel([("user_id", ASCENDING), ("at", ASCENDING)]),
            IndexModel([("user_id", ASCENDING), ("device", ASCENDING), ("at", ASCENDING)]),
        ),
    ),
    CollectionSpec(MONITOR_CURSORS),
)

_LAST = 10**12 - 1


class MonitorStore:
    """The collections that monitoring reads, in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def streams(self) -> list[str]:
        """Every stream of every book."""
        return [each["_id"] async for each in self._database["streams"].find({}, {"_id": True})]

    async def cursor(self, stream: str) -> int:
        """The number of the last block of the stream that was monitored."""
        document = await self._database[MONITOR_CURSORS].find_one({"_id": stream})
        return document["version"] if document else 0

    async def next_block(self, stream: str, after: int) -> Document | None:
        """The stream's next block with a transaction in it."""
        ids = {"$gt": block_id(stream, after), "$lt": block_id(stream, _LAST)}
        query = {"_id": ids, "transaction_ids.0": {"$exists": True}}
        return await self._database["blocks"].find_one(query, sort=[("_id", ASCENDING)])

    async def transactions(self, ids: Sequence[str]) -> list[Document]:
        """Those transactions, in their order."""
        found = {each["_id"]: each async for each in self._database["transactions"].find({"_id": {"$in": list(ids)}})}
        return [found[each] for each in ids]

    async def owners_of(self, account_ids: Iterable[str]) -> dict[str, str]:
        """Of these accounts, those of customers, with the customer."""
        query = {"_id": {"$in": sorted(account_ids)}, "role": "customer"}
        found = self._database["accounts"].find(query, {"user_id": True})
        return {each["_id"]: each["user_id"] async for each in found}

    async def movements(self, book: str, user_id: str, since: datetime) -> list[Movement]:
        """What a customer moved since then, oldest first."""
        query: dict[str, Any] = {"_id": ids_of_book(book), "user_id": user_id, "at": {"$gt": since}}
        return [_movement(each) async for each in self._database[MOVEMENTS].find(query).sort("at", ASCENDING)]

    async def first_seen(self, book: str, user_id: str, device: str) -> datetime | None:
        """When a customer first moved anything with that device."""
        query = {"_id": ids_of_book(book), "user_id": user_id, "device": device}
        found = await self._database[MOVEMENTS].find_one(query, sort=[("at", ASCENDING)])
        return found["at"] if found else None

    async def known_cases(self, case_ids: Sequence[str]) -> set[str]:
        """Of these cases, those that are open already, or were."""
        found = self._database["cases"].find({"_id": {"$in": list(case_ids)}}, {"_id": True})
        return {each["_id"] async for each in found}


def _movement(document: Document) -> Movement:
    return Movement(
        document["transaction_id"],
        document["user_id"],
        document["at"],
        from_decimal128(document["value"]),
        document["device"],
    )
