"""Deposit addresses in MongoDB, and how many were given out; written through the ledger's door only."""

from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from app.plumbing.collections import CollectionSpec, ids_of_book

ADDRESSES, ADDRESS_COUNTERS = "crypto_addresses", "crypto_address_counters"

Document = dict[str, Any]

COLLECTIONS = (
    CollectionSpec(
        ADDRESSES,
        indexes=(
            IndexModel([("chain", ASCENDING), ("address", ASCENDING)]),
            IndexModel([("user_id", ASCENDING), ("_id", ASCENDING)]),
            IndexModel([("look_at", ASCENDING)]),
        ),
    ),
    CollectionSpec(ADDRESS_COUNTERS),
)


class AddressStore:
    """The addresses in one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database

    async def address(self, address_id: str) -> Document | None:
        """The address of that stored id."""
        return await self._database[ADDRESSES].find_one({"_id": address_id})

    async def address_at(self, chain: str, address: str) -> Document | None:
        """The address that has that spelling on that chain, in whatever book."""
        return await self._database[ADDRESSES].find_one({"chain": chain, "address": address})

    async def addresses_of(self, book: str, user_id: str, limit: int) -> list[Document]:
        """A user's addresses, oldest first."""
        query = {"user_id": user_id, "_id": ids_of_book(book)}
        return await self._database[ADDRESSES].find(query).sort("created_at", ASCENDING).limit(limit).to_list()

    async def due_for_look(self, now: datetime, limit: int) -> list[Document]:
        """The addresses whose next look is due, of whatever book, the longest due first."""
        query = {"look_at": {"$lte": now}}
        return await self._database[ADDRESSES].find(query).sort("look_at", ASCENDING).limit(limit).to_list()

    async def address_counter(self, counter_id: str) -> Document | None:
        """How many addresses of a family were given out."""
        return await self._database[ADDRESS_COUNTERS].find_one({"_id": counter_id})
