"""The fault dial: what goes wrong, on which operation, how often."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from app.sandbox.store import Document, Store

COLLECTION = "faults"
INDEXES = ("vendor+operation",)

FaultKind = Literal["decline", "error", "rate_limit", "timeout_before", "timeout_after", "late", "slow"]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
DROPPING: frozenset[FaultKind] = frozenset({"timeout_before", "timeout_after", "late"})
ANY_OPERATION = "*"
_DELAY_MS_DEFAULT = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One turn of the dial, taken by one call."""

    kind: FaultKind
    delay_s: float


class Faults:
    """Stored faults; each is taken ``times`` times, oldest first, then gone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dials = 0
        self._is_quiet = False

    async def dial(self, *, vendor: str, operation: str, kind: FaultKind, times: int, delay_ms: int | None) -> Document:
        # A call that took effect loses its answer at once; the other kinds mean something only with a delay.
        default_ms = 0 if kind == "timeout_after" else _DELAY_MS_DEFAULT
        fault = {
            "_id": await self._store.next_number(),
            "vendor": vendor,
            "operation": operation,
            "fault": kind,
            "left": times,
            "delay_ms": default_ms if delay_ms is None else delay_ms,
        }
        await self._store.put(COLLECTION, fault)
        self._dials += 1
        self._is_quiet = False
        return shown(fault)

    async def take(self, vendor: str, operation: str) -> Fault | None:
        """The fault that this call meets, counted as used."""
        if self._is_quiet:
            return None
        dials = self._dials
        fault = await self._store.change(
            COLLECTION,
            {"vendor": vendor, "operation": {"$in": [operation, ANY_OPERATION]}, "left": {"$gt": 0}},
            {"$inc": {"left": -1}},
        )
        if fault is None:
            # Nothing dialled: calls need not ask again, unless somebody dialled while this one asked.
            self._is_quiet = await self._store.count(COLLECTION, {}) == 0 and dials == self._dials
            return None
        if fault["left"] == 0:
            await self._store.delete(COLLECTION, {"_id": fault["_id"], "left": 0})
        return Fault(fault["fault"], fault["delay_ms"] / 1_000)

    async def pending(self) -> list[dict[str, Any]]:
        return [shown(fault) for fault in await self._store.find(COLLECTION, {"left": {"$gt": 0}})]

    async def clear(self) -> None:
        await self._store.delete(COLLECTION, {})


def shown(fault: Document) -> dict[str, Any]:
    return {("id" if key == "_id" else key): value for key, value in fault.items()}
