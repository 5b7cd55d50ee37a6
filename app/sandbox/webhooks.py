"""Webhooks on their way to the wallet: stored first, then tried until answered with 200, for some twelve minutes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import httpx2

from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Document, Store, StoreFailure

COLLECTION = "webhooks"
MODES = "webhook_modes"
INDEXES = ("vendor+due_at",)

Mode = Literal["normal", "duplicate", "delay", "reorder", "drop"]
Sign = Callable[[bytes], Awaitable[dict[str, str]]]
"""The headers that prove these bytes, made anew for every attempt."""

ATTEMPTS_MAX = 150
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
DELAY_S_DEFAULT = 3.0
HELD_S_MAX = 2.0
"""How long a reordered webhook waits for a later one to overtake it."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a vendor's webhooks go and how they are signed."""

    url: str
    content_type: str
    sign: Sign


class Webhooks:
    """The outbox of all vendors."""

    def __init__(self, store: Store, clock: ShiftedClock, tick_s: float) -> None:
        self._store = store
        self._clock = clock
        self._tick_s = tick_s

    async def set_mode(self, vendor: str, mode: Mode, delay_s: float = DELAY_S_DEFAULT) -> None:
        await self._store.put(MODES, {"_id": vendor, "mode": mode, "delay_s": delay_s})

    async def post(self, vendor: str, body: str) -> None:
        """Put a webhook in the outbox, as the vendor's delivery mode has it."""
        chosen = await self._store.get(MODES, vendor) or {"mode": "normal", "delay_s": 0.0}
        match chosen["mode"]:
            case "drop":
                return
            case "duplicate":
                await self._queue(vendor, body, after_s=0)
                await self._queue(vendor, body, after_s=0)
            case "delay":
                await self._queue(vendor, body, after_s=chosen["delay_s"])
            case "reorder":
                await self._overtake(vendor, body)
            case _:
                await self._queue(vendor, body, after_s=0)

    async def run(self, vendor: str, sender: Sender, http: httpx2.AsyncClient) -> None:
        """Deliver the vendor's webhooks one after the other, for ever."""
        while True:
            try:
                await self.deliver_due(vendor, sender, http)
            except StoreFailure:
                _logger.warning("the webhooks of %s wait for the database", vendor)
            await asyncio.sleep(self._tick_s)

    async def deliver_due(self, vendor: str, sender: Sender, http: httpx2.AsyncClient) -> int:
        """Try every webhook that is due now; how many there were."""
        due = await self._store.find(
            COLLECTION,
            {"vendor": vendor, "due_at": {"$lte": self._clock.now()}},
            sort=(("due_at", 1), ("_id", 1)),
            limit=200,
        )
        for webhook in due:
            if await _answered(webhook["body"].encode(), sender, http):
                await self._store.delete(COLLECTION, {"_id": webhook["_id"]})
            else:
                await self._put_off(webhook)
        return len(due)

    async def _queue(self, vendor: str, body: str, *, after_s: float, held: bool = False) -> None:
        await self._store.put(
            COLLECTION,
            {
                "_id": await self._store.next_number(),
                "vendor": vendor,
                "body": body,
                "held": held,
                "attempts": 0,
                "due_at": self._clock.after(after_s),
            },
        )

    async def _overtake(self, vendor: str, body: str) -> None:
        """Hold every other webhook back until the one behind it has gone first."""
        held = await self._store.change(
            COLLECTION,
            {"vendor": vendor, "held": True},
            {"$set": {"held": False, "due_at": self._clock.after(self._tick_s)}},
        )
        if held is None:
            await self._queue(vendor, body, after_s=HELD_S_MAX, held=True)
        else:
            await self._queue(vendor, body, after_s=0)

    async def _put_off(self, webhook: Document) -> None:
        attempts = webhook["attempts"] + 1
        backoff_s = min(BACKOFF_FIRST_S * 2 ** min(attempts - 1, 10), BACKOFF_MAX_S)
        if attempts >= ATTEMPTS_MAX:
            await self._store.delete(COLLECTION, {"_id": webhook["_id"]})
            return
        await self._store.change(
            COLLECTION,
            {"_id": webhook["_id"]},
            {"$set": {"attempts": attempts, "due_at": self._clock.after(backoff_s)}},
        )


async def _answered(body: bytes, sender: Sender, http: httpx2.AsyncClient) -> bool:
    headers = {"Content-Type": sender.content_type, **await sender.sign(body)}
    try:
        response = await http.post(sender.url, content=body, headers=headers)
    except httpx2.RequestError:
        return False
    return response.status_code == 200
