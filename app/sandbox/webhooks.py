"""Webhooks on their way to the wallet: stored first, then tried until answered with 200, for some twelve minutes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx2

from app.sandbox.bells import Bells
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Document, Store, StoreFailure

COLLECTION = "webhooks"
MODES = "webhook_modes"
INDEXES = ("vendor", "vendor+held")

Mode = Literal["normal", "duplicate", "delay", "reorder", "drop"]
Sign = Callable[[bytes], Awaitable[dict[str, str]]]
"""The headers that prove these bytes, made anew for every attempt."""

Joined = Callable[[Sequence[str]], str]
"""One body of several."""

ATTEMPTS_MAX = 150
AT_ONCE_MAX = 16
"""Deliveries of one vendor that are on their way together; their order is no promise of any vendor."""
TOGETHER_MAX = 64
"""What one delivery of a vendor that sends what waits together may hold."""
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
DELAY_S_DEFAULT = 3.0
HELD_S_MAX = 2.0
"""How long a reordered webhook waits for a later one to overtake it."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a vendor's webhooks go and how they are signed.

    ``joined`` makes one body of all that waits, where the vendor delivers so: then one delivery follows the other.
    """

    url: str
    content_type: str
    sign: Sign
    joined: Joined | None = None


class Webhooks:
    """The outbox of all vendors."""

    def __init__(self, store: Store, clock: ShiftedClock, tick_s: float) -> None:
        self._store = store
        self._clock = clock
        self._tick_s = tick_s
        self._bells = Bells()
        self._modes: dict[str, Document] = {}

    async def load(self) -> None:
        """Read the delivery modes, as they were set before a restart."""
        self._modes = {mode["_id"]: mode for mode in await self._store.find(MODES, {})}

    async def set_mode(self, vendor: str, mode: Mode, delay_s: float = DELAY_S_DEFAULT) -> None:
        chosen: Document = {"_id": vendor, "mode": mode, "delay_s": delay_s}
        await self._store.put(MODES, chosen)
        self._modes[vendor] = chosen

    async def post(self, vendor: str, body: str) -> None:
        """Put a webhook in the outbox, as the vendor's delivery mode has it."""
        chosen = self._modes.get(vendor) or {"mode": "normal", "delay_s": 0.0}
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
        """Deliver the vendor's webhooks, some at once, for ever."""
        while True:
            self._bells.hush(vendor)
            try:
                await self.deliver_due(vendor, sender, http)
            except StoreFailure:
                _logger.warning("the webhooks of %s wait for the database", vendor)
            await self._bells.heard(vendor, self._tick_s)

    async def deliver_due(self, vendor: str, sender: Sender, http: httpx2.AsyncClient) -> int:
        """Try every webhook that is due now; how many there were."""
        due = await self._store.find(
            COLLECTION,
            {"vendor": vendor, "due_at": {"$lte": self._clock.now()}},
            sort=(("due_at", 1), ("_id", 1)),
            limit=200,
        )
        await self._store.settled()
        deliveries = [[each] for each in due] if sender.joined is None else _together(due)
        room = asyncio.Semaphore(AT_ONCE_MAX if sender.joined is None else 1)
        async with asyncio.TaskGroup() as group:
            for delivery in deliveries:
                group.create_task(self._deliver(delivery, sender, http, room))
        return len(due)

    async def _deliver(
        self, delivery: Sequence[Document], sender: Sender, http: httpx2.AsyncClient, room: asyncio.Semaphore
    ) -> None:
        bodies = [webhook["body"] for webhook in delivery]
        body = sender.joined(bodies) if sender.joined else bodies[0]
        try:
            async with room:
                answered = await _answered(body.encode(), sender, http)
            if not answered:
                await self._store.atomically(lambda: self._put_off(delivery))
                return
            for webhook in delivery:
                self._store.note(COLLECTION, webhook["_id"], None)
        except StoreFailure:
            _logger.warning("webhook %s waits for the database", delivery[0]["_id"])

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
        self._store.once_kept(lambda: self._bells.ring(vendor, after_s))

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

    async def _put_off(self, delivery: Sequence[Document]) -> None:
        for webhook in delivery:
            attempts = webhook["attempts"] + 1
            if attempts >= ATTEMPTS_MAX:
                await self._store.delete(COLLECTION, {"_id": webhook["_id"]})
                continue
            backoff_s = min(BACKOFF_FIRST_S * 2 ** min(attempts - 1, 10), BACKOFF_MAX_S)
            again = {"attempts": attempts, "due_at": self._clock.after(backoff_s)}
            await self._store.change(COLLECTION, {"_id": webhook["_id"]}, {"$set": again})
            self._bells.ring(webhook["vendor"], backoff_s)


def _together(due: Sequence[Document]) -> list[list[Document]]:
    """What goes in one delivery; the same twice is in two."""
    deliveries: list[list[Document]] = []
    for webhook in due:
        last = deliveries[-1] if deliveries else []
        if not last or len(last) == TOGETHER_MAX or any(webhook["body"] == each["body"] for each in last):
            last = []
            deliveries.append(last)
        last.append(webhook)
    return deliveries


async def _answered(body: bytes, sender: Sender, http: httpx2.AsyncClient) -> bool:
    headers = {"Content-Type": sender.content_type, **await sender.sign(body)}
    try:
        response = await http.post(sender.url, content=body, headers=headers)
    except httpx2.RequestError:
        return False
    return response.status_code == 200
