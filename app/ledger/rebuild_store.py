"""Rebuilding the accounts' snapshots from the transactions, while nothing else runs.

What differs from its transactions goes, as it should be, into a shadow collection that the server checks as it checks
the accounts; where asked for, the accounts are replaced from there. A run that is cut short leaves every account as it
was or as it should be, and the next run does the rest.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import ASCENDING, DESCENDING, ReplaceOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import WriteError

from app.errors import WalletError
from app.ids import public_id
from app.ledger.changes import Document
from app.ledger.documents import entry_id
from app.ledger.rebuild import Derivation, Derived, differences, rebuilt
from app.ledger.schemas import ACCOUNT_SCHEMA
from app.plumbing.collections import CollectionSpec, ensure_collections

_SHADOW = CollectionSpec("accounts_rebuilt", schema=ACCOUNT_SCHEMA)
_CHUNK = 500
_DAMAGE = (WalletError, ValueError, KeyError, TypeError)


@dataclass(slots=True)
class Rebuilt:
    """What was derived, and every difference by name. ``lost`` is what no transaction can bring back."""

    transactions: int = 0
    accounts: int = 0
    differing: dict[str, list[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    replaced: int = 0


class Rebuilding:
    """The books of one database, nobody else at work on them."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database

    async def leased_until(self) -> datetime | None:
        """Until when some committer may still write; None if none may."""
        leased = {"$expr": {"$gt": ["$lease_until", "$$NOW"]}}
        stream = await self._database["streams"].find_one(leased, sort=[("lease_until", DESCENDING)])
        return stream["lease_until"] if stream else None

    async def run(self, *, swap: bool) -> Rebuilt:
        """Derive, compare, and replace what differs if ``swap``; nothing is replaced where a transaction is damaged."""
        found = Rebuilt()
        derivation = await self._derive(found)
        await self._database.drop_collection(_SHADOW.name)
        await ensure_collections(self._database, (_SHADOW,))
        try:
            if not found.lost:
                await self._compare(derivation, found)
            if swap:
                await self._replace(found)
        finally:
            await self._database.drop_collection(_SHADOW.name)
        return found

    async def _derive(self, found: Rebuilt) -> Derivation:
        derivation = Derivation()
        async for document in self._database["transactions"].find():
            try:
                derivation.take(document)
            except _DAMAGE as damage:
                found.lost.append(f"transaction {public_id(document['_id'])} is damaged: {damage}")
        derivation.finish()
        found.transactions = derivation.transactions
        return derivation

    async def _compare(self, derivation: Derivation, found: Rebuilt) -> None:
        async for chunk in self._stored():
            for stored in chunk:
                found.accounts += 1
                derived = derivation.accounts.pop(stored["_id"], Derived())
                document = rebuilt(stored, derived, await self._last_id(stored, derived))
                if differing := list(differences(stored, document)):
                    found.differing[stored["_id"]] = differing
                    await self._shadow(document, found)
        found.lost.extend(f"account {public_id(each)} is missing" for each in sorted(derivation.accounts))

    async def _shadow(self, document: Document, found: Rebuilt) -> None:
        try:
            await self._database[_SHADOW.name].insert_one(document)
        except WriteError:
            found.lost.append(f"account {public_id(document['_id'])} is damaged beyond what its transactions tell")

    async def _stored(self) -> AsyncIterator[list[Document]]:
        chunk: list[Document] = []
        async for document in self._database["accounts"].find().sort("_id", ASCENDING):
            chunk.append(document)
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
        yield chunk

    async def _last_id(self, stored: Document, derived: Derived) -> str | None:
        candidates = derived.last_ids
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        last = await self._database["ledger_entries"].find_one({"_id": entry_id(stored["_id"], derived.seq)})
        return last["transaction_id"] if last and last["transaction_id"] in candidates else candidates[0]

    async def _replace(self, found: Rebuilt) -> None:
        """Each write is of the version that was compared, and raises it: what still remembers the old one fails."""
        batch: list[ReplaceOne[Document]] = []
        async for document in self._database[_SHADOW.name].find():
            version = document["version"]
            guard = {"_id": document["_id"], "version": version}
            batch.append(ReplaceOne(guard, {**document, "version": version + 1}))
            if len(batch) == _CHUNK:
                found.replaced += await self._write(batch)
                batch = []
        found.replaced += await self._write(batch)

    async def _write(self, batch: list[ReplaceOne[Document]]) -> int:
        return (await self._database["accounts"].bulk_write(batch)).modified_count if batch else 0
