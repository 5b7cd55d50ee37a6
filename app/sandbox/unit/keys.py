"""Idempotency keys of everything but ACH payments: one life of 48 hours, and one name space per kind of resource."""

from datetime import timedelta

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document

KEYS = "unit_keys"
LIFETIME = timedelta(hours=48)


class Keys:
    """Which resource a key made."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def made_with(self, collection: str, key: str | None) -> Document | None:
        """The resource this key made less than 48 hours ago; an older key counts as new."""
        used = await self._simulation.store.get(KEYS, f"{collection}/{key}") if key is not None else None
        if used is None or self._simulation.clock.now() - used["at"] >= LIFETIME:
            return None
        return await self._simulation.store.get(collection, used["made"])

    async def remember(self, collection: str, key: str | None, made: Document) -> None:
        """Keep what the key made, from its first successful use."""
        if key is not None:
            used = {"_id": f"{collection}/{key}", "made": made["_id"], "at": self._simulation.clock.now()}
            await self._simulation.store.put(KEYS, used)
