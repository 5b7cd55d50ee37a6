"""How far each vendor's list of events has been swept. Reading only: it is written by the door."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase

from app.ledger.changes import ABSENT, Companion, Document
from app.plumbing.collections import CollectionSpec

SWEEPS = "sweeps"

COLLECTIONS = (
    CollectionSpec(
        SWEEPS,
        schema={
            "bsonType": "object",
            "required": ["swept_at", "version"],
            "properties": {
                "swept_at": {"bsonType": "date"},
                "version": {"bsonType": ["int", "long"], "minimum": 1},
            },
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Swept:
    """A vendor's list has been read as it stood at that moment, to its end.

    ``seen``: the lines at its head, where lines do not say when they were written.
    """

    vendor: str
    at: datetime
    version: int = 0
    seen: tuple[str, ...] = ()

    def moved_to(self, at: datetime, seen: Sequence[str] = ()) -> Companion:
        """What makes a later moment true, unless somebody has written since."""
        guard = {"version": self.version} if self.version else ABSENT
        return Companion(SWEEPS, self.vendor, guard, {"swept_at": at, "version": self.version + 1, "seen": list(seen)})


class SweepStore:
    """The sweeps of one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._sweeps = database[SWEEPS]

    async def swept(self, vendor: str, first: datetime) -> Swept:
        """How far that vendor's list was swept; to ``first``, before it ever was."""
        found = await self._sweeps.find_one({"_id": vendor})
        if found is None:
            return Swept(vendor, first)
        return Swept(vendor, found["swept_at"], found["version"], tuple(found.get("seen", ())))
