"""What will happen by itself: stored moves with due times, so that a restart continues where it was killed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from app.sandbox.bells import Bells
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Document, Store, StoreFailure

COLLECTION = "agenda"
INDEXES = ("vendor",)

AT_ONCE_MAX = 16
"""Moves that ask the wallet wait for it together, not one after the other."""

Move = Callable[[str], Awaitable[None]]
"""Moves the subject of that id. It may run twice after a crash, so it looks at the subject's state first."""

_logger = logging.getLogger(__name__)


class Agenda:
    """Moves to come, per vendor. Scheduling the same move of the same subject again moves its due time."""

    def __init__(self, store: Store, clock: ShiftedClock, tick_s: float) -> None:
        self._store = store
        self._clock = clock
        self._tick_s = tick_s
        self._bells = Bells()

    async def add(self, vendor: str, move: str, subject: str, *, after_s: float) -> None:
        await self._store.put(
            COLLECTION,
            {
                "_id": f"{vendor}/{move}/{subject}",
                "vendor": vendor,
                "move": move,
                "subject": subject,
                "turn": await self._store.next_number(),
                "due_at": self._clock.after(after_s),
            },
        )
        self._store.once_kept(lambda: self._bells.ring(vendor, after_s))

    async def run(self, vendor: str, moves: Mapping[str, Move]) -> None:
        """Make the vendor's due moves, for ever."""
        while True:
            self._bells.hush(vendor)
            try:
                await self.run_due(vendor, moves)
            except StoreFailure:
                _logger.warning("the agenda of %s waits for the database", vendor)
            await self._bells.heard(vendor, self._tick_s)

    async def run_due(self, vendor: str, moves: Mapping[str, Move]) -> int:
        """Make every move that is due now, earliest first, some at once; how many there were."""
        due = await self._store.find(
            COLLECTION,
            {"vendor": vendor, "due_at": {"$lte": self._clock.now()}},
            sort=(("due_at", 1), ("_id", 1)),
            limit=200,
        )
        await self._store.settled()
        room = asyncio.Semaphore(AT_ONCE_MAX)
        async with asyncio.TaskGroup() as group:
            for entry in due:
                group.create_task(self._make(moves[entry["move"]], entry, room))
        return len(due)

    async def _make(self, move: Move, entry: Document, room: asyncio.Semaphore) -> None:
        try:
            async with room:
                await move(entry["subject"])
        except StoreFailure:
            _logger.warning("%s waits for the database", entry["_id"])
            return
        now = await self._store.get(COLLECTION, entry["_id"])
        if now is not None and now["turn"] == entry["turn"]:  # else it was scheduled again meanwhile, and stays
            self._store.note(COLLECTION, entry["_id"], None)
