"""The simulators' own time: the real one plus a stored offset."""

from datetime import datetime, timedelta

from app.clock import Clock, whole_milliseconds
from app.sandbox.store import Store

COLLECTION = "clock"


class ShiftedClock:
    """A clock that ``POST /control/clock`` moves ahead, so that sixty days of returns pass at once.

    ``real`` is for what the wallet checks against its own clock: token lifetimes and request signatures.
    """

    def __init__(self, real: Clock, store: Store) -> None:
        self.real = real
        self._store = store
        self._offset = timedelta()

    def now(self) -> datetime:
        return whole_milliseconds(self.real.now() + self._offset)

    def after(self, seconds: float) -> datetime:
        return whole_milliseconds(self.now() + timedelta(seconds=seconds))

    async def load(self) -> None:
        stored = await self._store.get(COLLECTION, "offset")
        self._offset = timedelta(milliseconds=stored["offset_ms"]) if stored else timedelta()

    async def advance(self, seconds: float) -> None:
        """Move on by that many seconds, never back, and remember it."""
        if seconds < 0:
            raise ValueError("a clock never runs backwards")
        offset = self._offset + timedelta(seconds=seconds)
        await self._store.put(COLLECTION, {"_id": "offset", "offset_ms": offset // timedelta(milliseconds=1)})
        self._offset = offset
