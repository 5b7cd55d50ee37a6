"""Figures read from MongoDB when somebody asks for measures: few queries, each on an index and bounded."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING

from app.orchestrator.doubt import sum_up
from app.orchestrator.journal import EFFECTS, SAGAS, effect_from
from app.orchestrator.lifecycle import PARKED
from app.orchestrator.measures import Figures, Measures
from app.orchestrator.store import BY_STATUS, CLAIMABLE, DOUBTFUL, OPEN_EFFECTS
from app.plumbing.mongo import Database

_COUNTED_MAX = 10_000
_EFFECTS_MAX = 2_000
_MS_MAX = 2_000


class MeasuresStore:
    """Reads the figures into their instruments."""

    def __init__(self, database: Database, measures: Measures) -> None:
        self._database = database
        self._measures = measures

    @property
    def _figures(self) -> Figures:
        return self._measures.figures

    async def read(self, now: datetime) -> None:
        """All of them, as of now."""
        await self._sagas(now)
        await self._doubtful(now)
        for status in ("received", "parked"):
            found = await self._database["inbox"].count_documents({"status": status}, limit=_COUNTED_MAX)
            self._figures.inbox.labels(status).set(found)

    async def _sagas(self, now: datetime) -> None:
        sagas, figures = self._database[SAGAS], self._figures
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"status": {"$in": [*CLAIMABLE, PARKED]}}},
            {"$group": {"_id": {"type": "$type", "status": "$status"}, "count": {"$sum": 1}}},
        ]
        figures.open_sagas.clear()
        async for group in await sagas.aggregate(pipeline, hint=BY_STATUS, maxTimeMS=_MS_MAX):
            figures.open_sagas.labels(group["_id"]["type"], group["_id"]["status"]).set(group["count"])
        stopped, first = {"status": PARKED}, [("updated_at", ASCENDING)]
        parked = await sagas.find_one(stopped, {"updated_at": 1}, sort=first, max_time_ms=_MS_MAX)
        figures.parked_oldest.set(_age_s(parked["updated_at"], now) if parked else 0)
        waited = [await self._longest(moment, now) for moment in ("wake_at", "woken_at")]
        figures.due_oldest.set(max(waited))

    async def _longest(self, moment: str, now: datetime) -> int:
        """For how long, in seconds, the first saga that such a moment has made due has waited for whoever claims it."""
        due = {moment: {"$type": "date", "$lte": now}, "status": {"$in": CLAIMABLE}}
        unclaimed = {**due, "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        first = [(moment, ASCENDING)]
        found = await self._database[SAGAS].find_one(unclaimed, {moment: 1}, sort=first, max_time_ms=_MS_MAX)
        return _age_s(found[moment], now) if found else 0

    async def _doubtful(self, now: datetime) -> None:
        """Call by call: on a provider's in-doubt account a pull and a refund of one amount cancel each other out."""
        counts: defaultdict[str, int] = defaultdict(int)
        minutes: defaultdict[tuple[str, str], int] = defaultdict(int)
        query = {"status": {"$in": OPEN_EFFECTS}}  # as the index has it: it serves no part of its list
        found = self._database[EFFECTS].find(query).sort("first_sent_at", ASCENDING).limit(_EFFECTS_MAX)
        effects = [effect_from(document) async for document in found.max_time_ms(_MS_MAX)]
        for effect in effects:
            if effect.status not in DOUBTFUL:
                continue
            counts[effect.provider] += 1
            for doubt in sum_up([effect]):
                age_minutes = _age_s(doubt.oldest_at, now) // 60
                minutes[doubt.provider, doubt.amount.asset.code] += doubt.amount.minor * age_minutes
        for instrument in (self._figures.in_doubt, self._figures.doubtful, self._figures.doubt_minutes):
            instrument.clear()
        for doubt in sum_up(effects):
            self._figures.in_doubt.labels(doubt.provider, doubt.amount.asset.code).set(doubt.amount.minor)
        for provider, count in counts.items():
            self._figures.doubtful.labels(provider).set(count)
        for labels, total in minutes.items():
            self._figures.doubt_minutes.labels(*labels).set(total)


def _age_s(since: datetime, now: datetime) -> int:
    return max(0, int((now - since).total_seconds()))
