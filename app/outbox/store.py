"""Notifications, feeds, endpoints and deliveries in MongoDB.

Notifications, feeds, endpoints and new deliveries are written through the ledger's door. What becomes of a delivery,
and since when an endpoint has been failing, is written here, each a single document: no money is decided on them. A
delivery's claim is a lease by the server's time with a fence; whoever comes after it can write, whoever came before
cannot.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from app.ids import book_of, stored_id
from app.outbox.deliveries import ATTEMPTS_MAX, DELIVERIES, Delivery, delivery_from
from app.outbox.endpoints import ENDPOINTS, REMOVED, Endpoint, endpoint_from
from app.outbox.notifications import (
    FEEDS,
    NOTIFICATIONS,
    Notification,
    notification_from,
)
from app.plumbing.collections import CollectionSpec, ids_of_book

Document = dict[str, Any]

_EXPIRY = IndexModel("expires_at", expireAfterSeconds=0)

COLLECTIONS = (
    CollectionSpec(
        NOTIFICATIONS,
        indexes=(
            IndexModel([("at", ASCENDING)], partialFilterExpression={"pending": True}),
            IndexModel([("user_id", ASCENDING), ("seq", ASCENDING)]),
            _EXPIRY,
        ),
    ),
    CollectionSpec(FEEDS),
    CollectionSpec(ENDPOINTS, indexes=(_EXPIRY,)),
    CollectionSpec(
        DELIVERIES,
        indexes=(
            IndexModel(
                [("endpoint_id", ASCENDING), ("due_at", ASCENDING)], partialFilterExpression={"status": "pending"}
            ),
            IndexModel([("endpoint_id", ASCENDING), ("created_at", DESCENDING)]),
            _EXPIRY,
        ),
    ),
)


class OutboxStore:
    """The outbox's collections in one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._client = database.client
        self._notifications = database[NOTIFICATIONS]
        self._feeds = database[FEEDS]
        self._endpoints = database[ENDPOINTS]
        self._deliveries = database[DELIVERIES]

    # Notifications and feeds.

    async def unpublished(self, limit: int) -> list[Notification]:
        """Notifications that wait to be published, the oldest first."""
        found = self._notifications.find({"pending": True}).sort("at", ASCENDING).limit(limit)
        return [notification_from(document) async for document in found]

    async def notification(self, notification_id: str) -> Notification | None:
        """The notification of that stored id."""
        document = await self._notifications.find_one({"_id": notification_id})
        return notification_from(document) if document else None

    async def last_numbers(self, feed_ids: Collection[str]) -> dict[str, int]:
        """The number of the last notification of each feed that has one."""
        found = self._feeds.find({"_id": {"$in": sorted(feed_ids)}})
        return {document["_id"]: document["seq"] async for document in found}

    async def last_number(self, book: str, user_id: str) -> int:
        """The same of one user; 0: nothing has been published for them."""
        document = await self._feeds.find_one({"_id": stored_id(book, user_id)})
        return int(document["seq"]) if document else 0

    async def feed(self, book: str, user_id: str, after: int, limit: int) -> list[Notification]:
        """A user's published notifications behind that number, in order.

        Read at one instant: a number is given only when the one before is durable, so at any instant there is no hole.
        """
        query = {"_id": ids_of_book(book), "user_id": user_id, "seq": {"$gt": after}}
        async with self._client.start_session(snapshot=True) as session:
            found = self._notifications.find(query, session=session).sort("seq", ASCENDING).limit(limit)
            return [notification_from(document) async for document in found]

    # Endpoints.

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint of that stored id."""
        document = await self._endpoints.find_one({"_id": endpoint_id})
        return endpoint_from(document) if document else None

    async def endpoints(self, book: str) -> list[Endpoint]:
        """A tenant's endpoints, oldest first."""
        found = self._endpoints.find({"_id": ids_of_book(book), "status": {"$ne": REMOVED}})
        found = found.sort([("created_at", ASCENDING), ("_id", ASCENDING)])
        return [endpoint_from(document) async for document in found]

    async def note_success(self, endpoint_id: str) -> None:
        """It took a delivery: whatever was wrong is over."""
        await self._endpoints.update_one(
            {"_id": endpoint_id, "failing_since": {"$ne": None}}, {"$set": {"failing_since": None}}
        )

    async def note_failure(self, endpoint_id: str, at: datetime) -> Endpoint | None:
        """It did not: the endpoint, with the time since when that is so."""
        await self._endpoints.update_one({"_id": endpoint_id, "failing_since": None}, {"$set": {"failing_since": at}})
        return await self.endpoint(endpoint_id)

    # Deliveries.

    async def drop_deliveries(self, endpoint_id: str) -> None:
        """Nothing that is on its way to that endpoint goes out any more."""
        query = {"_id": ids_of_book(book_of(endpoint_id)), "endpoint_id": endpoint_id, "status": "pending"}
        await self._deliveries.update_many(query, {"$set": {"status": "failed"}})

    async def owed(self) -> list[str]:
        """The stored ids of the endpoints to which something is on its way."""
        found: list[str] = await self._deliveries.distinct("endpoint_id", {"status": "pending"})
        return found

    async def claim(self, endpoint_id: str, now: datetime, lease_s: float) -> Delivery | None:
        """Lease one due delivery to that endpoint that nobody holds; the attempt is counted before it is made."""
        lease = {"lease_until": {"$add": ["$$NOW", int(lease_s * 1000)]}}
        counts = {"attempts": {"$add": ["$attempts", 1]}, "fence": {"$add": ["$fence", 1]}}
        document = await self._deliveries.find_one_and_update(
            {
                "_id": ids_of_book(book_of(endpoint_id)),
                "endpoint_id": endpoint_id,
                "status": "pending",
                "due_at": {"$lte": now},
                "$expr": {"$lt": ["$lease_until", "$$NOW"]},
            },
            [{"$set": {**lease, **counts}}],
            sort=[("due_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return delivery_from(document) if document else None

    async def record(self, delivery: Delivery, fields: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
        """Write what came of an attempt, unless somebody else has claimed the delivery since."""
        result = await self._deliveries.update_one(
            {"_id": delivery.id, "fence": delivery.fence, "status": "pending"},
            {"$set": dict(fields), "$push": {"history": {"$each": [dict(entry)], "$slice": -2 * ATTEMPTS_MAX}}},
        )
        return result.matched_count == 1

    async def deliveries(self, endpoint_id: str, limit: int) -> list[Document]:
        """The delivery log of an endpoint, newest first."""
        query = {"_id": ids_of_book(book_of(endpoint_id)), "endpoint_id": endpoint_id}
        return await self._deliveries.find(query).sort("created_at", DESCENDING).limit(limit).to_list()
