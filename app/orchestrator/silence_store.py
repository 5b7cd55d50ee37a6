"""When a vendor was last heard, and what it took on since: two reads, each one step down an index."""

from datetime import datetime

from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.database import AsyncDatabase

from app.ledger.changes import Document
from app.orchestrator.effects import EffectStatus
from app.orchestrator.journal import EFFECTS
from app.orchestrator.late_answers import LATE_ANSWER

_MS_MAX = 2_000


class SilenceStore:
    """The inbox and the effects of one database, as far as silence shows in them."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._inbox = database["inbox"]
        self._effects = database[EFFECTS]

    async def owes_since(self, vendor: str) -> datetime | None:
        """When the vendor took on the first call that it has told nothing after; None if there is none."""
        told = {"provider": vendor, "type": {"$ne": LATE_ANSWER}}
        last = await self._inbox.find_one(told, {"received_at": 1}, sort=[("received_at", DESCENDING)])
        taken_on: Document = {"provider": vendor, "status": EffectStatus.CONFIRMED.value}
        if last is not None:
            taken_on["first_sent_at"] = {"$gt": last["received_at"]}
        earliest = [("first_sent_at", ASCENDING)]
        first = await self._effects.find_one(taken_on, {"first_sent_at": 1}, sort=earliest, max_time_ms=_MS_MAX)
        return first["first_sent_at"] if first else None
