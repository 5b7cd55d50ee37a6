"""The call log: what each vendor was asked, and what it answered."""

from typing import Any

from app.clock import rfc3339
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Document, Store

COLLECTION = "calls"
INDEXES = ("vendor",)
KEPT_MAX = 10_000


class Calls:
    """The last ``KEPT_MAX`` calls, oldest first."""

    def __init__(self, store: Store, clock: ShiftedClock) -> None:
        self._store = store
        self._clock = clock
        self._last = 0

    async def load(self) -> None:
        newest = await self._store.find(COLLECTION, {}, sort=(("_id", -1),), limit=1)
        self._last = newest[0]["_id"] if newest else 0

    def begin(
        self, *, vendor: str, operation: str, correlation_id: str | None, idempotency_key: str | None
    ) -> Document:
        """Log a call as it arrives; what ``end`` wants back."""
        self._last += 1
        number = self._last
        call = {
            "_id": number,
            "vendor": vendor,
            "operation": operation,
            "at": self._clock.real.now(),
            "correlation_id": correlation_id,
            "idempotency_key": idempotency_key,
            "fault": None,
            "status": None,
        }
        self._store.note(COLLECTION, number, call)
        if number > KEPT_MAX:
            self._store.note(COLLECTION, number - KEPT_MAX, None)
        return call

    def end(self, call: Document, *, status: int | None, fault: str | None) -> None:
        """Log how the call ended. ``status`` is None when nothing was done and nothing answered."""
        self._store.note(COLLECTION, call["_id"], {**call, "status": status, "fault": fault})

    async def of(self, vendor: str, operation: str | None = None) -> list[dict[str, Any]]:
        query = {"vendor": vendor} | ({"operation": operation} if operation else {})
        calls = await self._store.find(COLLECTION, query, sort=(("_id", 1),), limit=KEPT_MAX)
        return [
            {
                "operation": call["operation"],
                "at": rfc3339(call["at"]),
                "correlation_id": call["correlation_id"],
                "idempotency_key": call["idempotency_key"],
                "status": call["status"],
                "fault": call["fault"],
            }
            for call in calls
        ]
