"""Cards and the answers to questions about them in MongoDB: reading only; they are written through the ledger's door.

The bank knows a card by an id of its own and no book, so what begins with it is found by an index, not by the prefix.
"""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from app.money import Money
from app.plumbing.collections import CollectionSpec, ids_of_book
from app.plumbing.decimals import to_decimal128
from app.wallets.cards import (
    CARD_AUTHORIZATIONS,
    CARDS,
    Card,
    CardAuthorization,
    authorization_from,
    card_from,
)

_CARDS_MAX = 100

COLLECTIONS = (
    CollectionSpec(
        CARDS,
        indexes=(
            IndexModel([("vendor_id", ASCENDING)]),
            IndexModel([("book", ASCENDING), ("user_id", ASCENDING), ("_id", ASCENDING)]),
        ),
    ),
    CollectionSpec(
        CARD_AUTHORIZATIONS,
        indexes=(
            IndexModel([("vendor_id", ASCENDING)]),
            IndexModel([("card_id", ASCENDING), ("asked_at", ASCENDING)]),
        ),
        schema={
            "bsonType": "object",
            "required": ["card_id", "request_id", "amount", "asked_at", "version"],
            "properties": {"amount": {"bsonType": "decimal"}},
        },
    ),
)


class CardStore:
    """The collections of cards in one database."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._cards = database[CARDS]
        self._authorizations = database[CARD_AUTHORIZATIONS]

    async def card(self, card_id: str) -> Card | None:
        """The card of that stored id."""
        return _card(await self._cards.find_one({"_id": card_id}))

    async def card_at_bank(self, vendor_id: str) -> Card | None:
        """The card that the bank knows by that id."""
        return _card(await self._cards.find_one({"vendor_id": vendor_id}))

    async def cards_of(self, book: str, user_id: str) -> list[Card]:
        """A user's cards, oldest first."""
        query = {"_id": ids_of_book(book), "book": book, "user_id": user_id}
        cursor = self._cards.find(query).sort("_id", ASCENDING).limit(_CARDS_MAX)
        return [card_from(document) async for document in cursor]

    async def authorization(self, stored_authorization_id: str) -> CardAuthorization | None:
        """The answer of that stored id."""
        return _authorization(await self._authorizations.find_one({"_id": stored_authorization_id}))

    async def authorization_at_bank(self, vendor_id: str) -> CardAuthorization | None:
        """The answer that the bank has made that authorization of, if it is linked already."""
        return _authorization(await self._authorizations.find_one({"vendor_id": vendor_id}))

    async def oldest_unlinked(self, card_id: str, amount: Money) -> CardAuthorization | None:
        """The oldest approval of that amount on that card that no authorization is linked to yet."""
        query = {
            "card_id": card_id,
            "amount": to_decimal128(amount.minor),
            "vendor_id": None,
            "reason": None,
        }
        return _authorization(await self._authorizations.find_one(query, sort=[("asked_at", ASCENDING)]))


def _card(document: dict[str, Any] | None) -> Card | None:
    return card_from(document) if document else None


def _authorization(document: dict[str, Any] | None) -> CardAuthorization | None:
    return authorization_from(document) if document else None
