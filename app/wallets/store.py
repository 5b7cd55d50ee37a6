"""Quotes and bank links in MongoDB. Quotes are written through the ledger's door, bank links here."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from app.plumbing.collections import CollectionSpec
from app.plumbing.gathered import Gathered

QUOTES, BANK_LINKS = "quotes", "bank_links"

COLLECTIONS = (
    CollectionSpec(QUOTES),
    CollectionSpec(
        BANK_LINKS,
        indexes=(IndexModel([("user_id", ASCENDING), ("_id", ASCENDING)]), IndexModel([("item_id", ASCENDING)])),
    ),
)


class WalletStore:
    """The wallets' collections in one database."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self.links = Gathered(self._read_links)

    async def quote_of(self, quote_id: str, user_id: str) -> dict[str, Any] | None:
        """The user's quote of that stored id."""
        return await self._database[QUOTES].find_one({"_id": quote_id, "user_id": user_id})

    async def add_bank_link(self, link: dict[str, Any]) -> None:
        """Keep a new bank link."""
        await self._database[BANK_LINKS].insert_one(link)

    async def bank_link(self, link_id: str) -> dict[str, Any] | None:
        """The link of that stored id."""
        return await self.links.get(link_id)

    async def _read_links(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        return {each["_id"]: each async for each in self._database[BANK_LINKS].find({"_id": {"$in": ids}})}

    async def bank_links_at(self, item_id: str, limit: int) -> list[dict[str, Any]]:
        """The links made with that login at a bank."""
        return await self._database[BANK_LINKS].find({"item_id": item_id}).limit(limit).to_list()

    async def set_link_status(self, link: dict[str, Any], status: str) -> bool:
        """Note how a link stands, if nobody has noted anything since it was read; whether that was so."""
        unchanged = {"_id": link["_id"], "version": link.get("version")}
        noted = {"$set": {"status": status, "version": (link.get("version") or 0) + 1}}
        return (await self._database[BANK_LINKS].update_one(unchanged, noted)).matched_count == 1

    async def bank_links_of(self, book: str, user_id: str, limit: int) -> list[dict[str, Any]]:
        """A user's links, oldest first."""
        query = {"user_id": user_id, "_id": {"$gt": f"{book}/", "$lt": f"{book}0"}}
        return await self._database[BANK_LINKS].find(query).sort("_id", ASCENDING).limit(limit).to_list()
