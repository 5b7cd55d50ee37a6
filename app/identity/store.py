"""Users in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from app.clock import Clock
from app.errors import Missing
from app.identity.principals import Principal
from app.identity.recent import RecentUsers
from app.identity.users import LEVELS, ComplianceLevel, User
from app.ids import stored_id
from app.plumbing.collections import CollectionSpec, ids_of_book
from app.plumbing.gathered import Gathered

COLLECTIONS = (
    CollectionSpec(
        "users",
        indexes=(
            IndexModel("applicant_id", unique=True, partialFilterExpression={"applicant_id": {"$type": "string"}}),
            IndexModel("level_untold", partialFilterExpression={"level_untold": True}),
        ),
        schema={
            "bsonType": "object",
            "required": ["tenant", "user_id", "issuer", "subject", "compliance_level", "created_at", "version"],
            "properties": {
                "tenant": {"bsonType": "string"},
                "user_id": {"bsonType": "string"},
                "compliance_level": {"enum": ["none", "pending", "verified", "rejected"]},
                "applicant_id": {"bsonType": ["string", "null"]},
                "level_at": {"bsonType": ["date", "null"]},
                "created_at": {"bsonType": "date"},
            },
        },
    ),
)


class Users:
    """The users collection."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], clock: Clock) -> None:
        self._users = database["users"]
        self._clock = clock
        self._recent = RecentUsers(clock)
        self.reads = Gathered(self._read)

    async def get_or_create(self, principal: Principal) -> User:
        """The caller's user, made on their first request."""
        found = await self.get(principal.tenant, principal.user_id)
        return found or await self._create(principal)

    async def caller(self, principal: Principal) -> User:
        """The caller's user, made on their first request; a verified one as of a few seconds ago."""
        known = self._recent.get(principal.stored_user_id)
        if known is not None:
            return known
        found = await self.reads.get(principal.stored_user_id) or await self._create(principal)
        return self._recent.remember(found)

    async def recent(self, tenant: str, user_id: str) -> User | None:
        """The user of that tenant and public id; a verified one as of a few seconds ago."""
        known = self._recent.get(stored_id(tenant, user_id))
        if known is not None:
            return known
        found = await self.reads.get(stored_id(tenant, user_id))
        return self._recent.remember(found) if found else None

    async def _read(self, ids: list[str]) -> dict[str, User]:
        found = self._users.find({"_id": {"$in": ids}})
        return {document["_id"]: _present(document) async for document in found}

    async def get(self, tenant: str, user_id: str) -> User | None:
        """The user of that tenant and public id."""
        return await self.by_id(stored_id(tenant, user_id))

    async def by_id(self, stored_user_id: str) -> User | None:
        """The user of that stored id."""
        return _user(await self._users.find_one({"_id": stored_user_id}))

    async def by_applicant(self, applicant_id: str) -> User | None:
        """The user whom the verification vendor knows by that id."""
        return _user(await self._users.find_one({"applicant_id": {"$eq": applicant_id, "$type": "string"}}))

    async def tenants_of(self, refs: Sequence[str]) -> dict[str, str]:
        """Of these references of vendors, those that are of an applicant of ours, with the tenant."""
        by_id = {ref.rpartition(":")[2]: ref for ref in refs}
        query = {"applicant_id": {"$in": list(by_id), "$type": "string"}}
        found = self._users.find(query, {"applicant_id": 1, "tenant": 1})
        return {by_id[document["applicant_id"]]: document["tenant"] async for document in found}

    async def page(self, tenant: str, after: str | None, limit: int) -> list[User]:
        """A tenant's users in the order of their stored ids, behind ``after``."""
        ids: dict[str, str] = ids_of_book(tenant)
        if after is not None:
            ids["$gt"] = max(ids["$gt"], after)
        found = self._users.find({"_id": ids}).sort("_id", ASCENDING).limit(limit)
        return [_present(document) async for document in found]

    async def start_verification(self, stored_user_id: str, applicant_id: str) -> User:
        """Note the applicant; a user with no level yet becomes ``pending``, any other keeps theirs.

        Raises Missing when there is no such user.
        """
        pending_at_least = {"$cond": [{"$eq": ["$compliance_level", "none"]}, "pending", "$compliance_level"]}
        noted = {
            "applicant_id": {"$literal": applicant_id},
            "compliance_level": pending_at_least,
            "version": {"$add": ["$version", 1]},
        }
        document = await self._users.find_one_and_update(
            {"_id": stored_user_id}, [{"$set": noted}], return_document=ReturnDocument.AFTER
        )
        return self._recent.remember(_present(document))

    async def set_level(
        self,
        stored_user_id: str,
        level: ComplianceLevel,
        at: datetime,
        *,
        over: Sequence[ComplianceLevel] = LEVELS,
        known: User | None = None,
    ) -> User:
        """Set the level as decided at that moment, unless a later decision is known already; of those that were decided
        at the very same moment it replaces the ones named. ``known``: only while the level is still as it was then.

        Raises Missing when there is no such user.
        """
        same_moment = {"level_at": at, "compliance_level": {"$in": list(over)}}
        not_later = {"$or": [{"level_at": None}, {"level_at": {"$lt": at}}, same_moment]}
        as_known = {} if known is None else {"level_at": known.level_at, "compliance_level": known.compliance_level}
        await self._users.update_one(
            {"$and": [{"_id": stored_user_id}, as_known, not_later]},
            [
                {
                    "$set": {
                        "level_untold": {"$or": ["$level_untold", {"$ne": ["$compliance_level", level]}]},
                        "compliance_level": level,
                        "level_at": at,
                        "version": {"$add": ["$version", 1]},
                    }
                }
            ],
        )
        return self._recent.remember(_present(await self._users.find_one({"_id": stored_user_id})))

    async def untold(self, limit: int) -> list[User]:
        """Users whose level has changed, as far as nobody has been told."""
        found = self._users.find({"level_untold": True}).limit(limit)
        return [_present(document) async for document in found]

    async def _create(self, principal: Principal) -> User:
        user = {
            "tenant": principal.tenant,
            "user_id": principal.user_id,
            "issuer": principal.issuer,
            "subject": principal.subject,
            "compliance_level": "none",
            "applicant_id": None,
            "level_at": None,
            "created_at": self._clock.now(),
            "version": 1,
        }
        document = await self._users.find_one_and_update(
            {"_id": principal.stored_user_id},
            {"$setOnInsert": user},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _present(document)


def _user(document: dict[str, Any] | None) -> User | None:
    return _present(document) if document else None


def _present(document: dict[str, Any] | None) -> User:
    if document is None:
        raise Missing("user")
    return User(**{name: value for name, value in document.items() if name != "_id"})
