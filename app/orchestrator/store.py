"""Sagas, effects and events in MongoDB: reading, and the two writes that do not go through the door.

Claiming a due saga and waking a waiting one are single-document updates of fields that nothing else decides on
(``fence``, ``lease_until``, ``woken_at``). Leases alone use the server's time; ``wake_at`` uses the injected clock.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect

from app.ids import book_of, new_id
from app.ledger.changes import Document
from app.ledger.feed_store import Place
from app.orchestrator.doubt import IN_DOUBT
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.journal import EFFECTS, EVENTS, SAGAS, SagaRecord, effect_from, events_on, page_id, saga_from
from app.orchestrator.lifecycle import ENDS
from app.plumbing.collections import CollectionSpec, ids_of_book
from app.plumbing.gathered import Gathered

_DATE = {"$type": "date"}
_TEXT = {"$gt": ""}
"""What a partial index must ask for to serve whoever looks for a text: of a type alone the server concludes nothing."""

DOUBTFUL = frozenset({EffectStatus.SENDING.value, EffectStatus.UNKNOWN.value, EffectStatus.CANCELLING.value})
"""The calls whose outcome is not known."""
OPEN_EFFECTS = [status.value for status in IN_DOUBT]
CLAIMABLE = ["running", "waiting", "compensating"]
BY_STATUS = "by_status"
"""No index of sagas has what every step changes: an update that touches no index costs the server a third less."""

COLLECTIONS = (
    CollectionSpec(
        SAGAS,
        indexes=(
            IndexModel([("wake_at", ASCENDING)], partialFilterExpression={"wake_at": _DATE}),
            IndexModel([("woken_at", ASCENDING)], partialFilterExpression={"woken_at": _DATE}),
            IndexModel([("waits", ASCENDING)], name="by_wait", partialFilterExpression={"waits": _TEXT}),
            IndexModel([("book", ASCENDING), ("user_id", ASCENDING), ("created_at", DESCENDING)]),
            IndexModel([("book", ASCENDING), ("created_at", DESCENDING)]),
            IndexModel([("status", ASCENDING), ("type", ASCENDING), ("created_at", DESCENDING)], name=BY_STATUS),
        ),
    ),
    CollectionSpec(
        EFFECTS,
        indexes=(
            IndexModel([("saga_id", ASCENDING)]),
            *(
                IndexModel([(ref, ASCENDING)], name=f"by_{ref}", partialFilterExpression={ref: _TEXT})
                for ref in ("provider_ref", "approved_ref")
            ),
            IndexModel([("request.nonce", ASCENDING)], partialFilterExpression={"request.nonce": {"$exists": True}}),
            IndexModel([("provider", ASCENDING), ("first_sent_at", ASCENDING)]),
            IndexModel(
                [("status", ASCENDING), ("first_sent_at", ASCENDING)],
                partialFilterExpression={"status": {"$in": OPEN_EFFECTS}},
            ),
        ),
    ),
    CollectionSpec(EVENTS),
)


class SagaStore:
    """The orchestrator's collections in one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database
        self.reads = Gathered(self._read)

    async def claim(self, now: datetime, lease_s: float, limit: int, *, only: str | None = None) -> list[SagaRecord]:
        """Lease due sagas that nobody holds; claiming raises their fence, so an earlier holder can write no more.

        ``only`` the one of that stored id.

        Two workers may find the same ones; each gets those that its own write has leased. One update of many costs the
        server a third of as many updates, so those are read again that it has leased.
        """
        due = {"$or": [{"wake_at": {"$lte": now, **_DATE}}, {"woken_at": _DATE}]}
        free = {"$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        claimable = {"status": {"$in": CLAIMABLE}, **due, **free, **({} if only is None else {"_id": only})}
        sagas = self._database[SAGAS]
        found = await sagas.find(claimable, {"_id": 1}).limit(limit).to_list()
        if not found:
            return []
        ids = [document["_id"] for document in found]
        claim_id = new_id("clm")
        lease = _lease(lease_s, raise_fence=True)
        with suppress(AutoReconnect):  # the answer was lost; what was leased all the same is found by the claim's id
            await sagas.update_many(
                {"_id": {"$in": ids}, **claimable}, [lease, {"$set": {"claim_id": claim_id}}, {"$unset": "woken_at"}]
            )
        claimed = await sagas.find({"_id": {"$in": ids}, "claim_id": claim_id}).to_list()
        return [saga_from(document) for document in claimed]

    async def renew(self, saga: SagaRecord, lease_s: float) -> bool:
        """Lengthen the lease, if the saga is still this holder's."""
        result = await self._database[SAGAS].update_one(
            {"_id": saga.id, "fence": saga.fence}, [_lease(lease_s, raise_fence=False)]
        )
        return result.matched_count == 1

    async def leased_until(self) -> datetime | None:
        """Until when some worker may still drive a saga; None if none may."""
        leased = {"$expr": {"$gt": ["$lease_until", "$$NOW"]}}
        document = await self._database[SAGAS].find_one(leased, sort=[("lease_until", DESCENDING)])
        return document["lease_until"] if document else None

    async def wake(self, refs: Sequence[str], now: datetime) -> int:
        """Make the sagas that wait for one of these references look again; says how many there are."""
        result = await self._database[SAGAS].update_many(
            {"waits": {"$in": list(refs)}, "status": {"$in": CLAIMABLE}}, {"$set": {"woken_at": now}}
        )
        return result.matched_count

    async def effects_behind(self, refs: Sequence[str]) -> list[Effect]:
        """The effects of ours that stand behind one of these references."""
        ids = [ref.rpartition(":")[2] for ref in refs]
        named = {"$or": [{"provider_ref": {"$in": ids}}, {"approved_ref": {"$in": ids}}]}
        return [effect_from(document) async for document in self._database[EFFECTS].find(named)]

    async def saga(self, saga_id: str) -> SagaRecord | None:
        """The saga of that stored id."""
        document = await self.reads.get(saga_id)
        return saga_from(document) if document else None

    async def _read(self, ids: list[str]) -> dict[str, Document]:
        return {each["_id"]: each async for each in self._database[SAGAS].find({"_id": {"$in": ids}})}

    async def saga_of(self, saga_id: str, user_id: str) -> SagaRecord | None:
        """The same, if it is that user's."""
        document = await self._database[SAGAS].find_one({"_id": saga_id, "user_id": user_id})
        return saga_from(document) if document else None

    async def sagas(self, query: dict[str, Any], limit: int) -> list[SagaRecord]:
        """Sagas by status, type or user, the newest first."""
        cursor = self._database[SAGAS].find(query).sort("created_at", DESCENDING).limit(limit)
        return [saga_from(document) async for document in cursor]

    async def page(self, book: str, query: dict[str, Any], before: Place | None, limit: int) -> list[SagaRecord]:
        """A book's sagas, the newest first, behind ``before``."""
        wanted: dict[str, Any] = {"_id": ids_of_book(book), "book": book, **query}
        if before is not None:
            earlier = {"created_at": {"$lt": before.at}}
            wanted["$or"] = [earlier, {"created_at": before.at, "_id": {"$lt": before.id}}]
        newest = [("created_at", DESCENDING), ("_id", DESCENDING)]
        return [saga_from(each) async for each in self._database[SAGAS].find(wanted).sort(newest).limit(limit)]

    async def books_waiting_for(self, refs: Sequence[str]) -> dict[str, str]:
        """Of these references, those that a saga waits for, with its book."""
        found = self._database[SAGAS].find({"waits": {"$in": list(refs)}}, {"waits": 1})
        return {ref: book_of(saga["_id"]) async for saga in found for ref in saga["waits"]}

    async def finished(self) -> AsyncIterator[str]:
        """The ids of all sagas that have come to an end."""
        query = {"status": {"$in": list(ENDS)}}
        async for document in self._database[SAGAS].find(query, {"_id": 1}):
            yield document["_id"]

    async def effect(self, effect_id: str) -> Effect | None:
        """The effect of that stored id."""
        document = await self._database[EFFECTS].find_one({"_id": effect_id})
        return effect_from(document) if document else None

    async def effects_of(self, saga_id: str) -> list[Effect]:
        """A saga's effects."""
        query = {"saga_id": saga_id, "_id": ids_of_book(book_of(saga_id))}
        return [effect_from(document) async for document in self._database[EFFECTS].find(query)]

    async def effects_where(self, query: dict[str, Any], limit: int, *, newest_first: bool = False) -> list[Effect]:
        """Effects by provider, operation and state, oldest first."""
        order = DESCENDING if newest_first else ASCENDING
        cursor = self._database[EFFECTS].find(query).sort("first_sent_at", order).limit(limit)
        return [effect_from(document) async for document in cursor]

    async def events(self, saga_id: str, after: int, limit: int) -> list[Document]:
        """A saga's history behind that number, oldest first."""
        query = {"_id": {"$gt": page_id(saga_id, after), "$lt": f"{saga_id}#~"}}
        pages = await self._database[EVENTS].find(query).sort("_id", ASCENDING).limit(limit).to_list()
        return [event for each in pages for event in events_on(each) if event["seq"] > after][:limit]


def _lease(lease_s: float, *, raise_fence: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {"lease_until": {"$add": ["$$NOW", int(lease_s * 1000)]}}
    if raise_fence:
        fields["fence"] = {"$add": ["$fence", 1]}
    return {"$set": fields}
