"""Look-ups that wait at the same moment go as one query: a query of its own costs its caller a quarter millisecond.

While one query is under way the next gathers by itself, as commits do at the ledger's door.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

_KEYS_MAX = 256


class Gathered(Generic[T]):
    """Look-ups by key. Without ``run`` every one is a query of its own."""

    def __init__(self, fetch: Callable[[list[str]], Awaitable[Mapping[str, T]]]) -> None:
        self._fetch = fetch
        self._waiting: dict[str, asyncio.Future[T | None]] = {}
        self._arrived = asyncio.Event()
        self._running = False
        self._closing = False

    async def get(self, key: str) -> T | None:
        """What is found under the key. Raises what the query raises."""
        if not self._running:
            return (await self._fetch([key])).get(key)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
            self._arrived.set()
        return await asyncio.shield(waiting)

    async def run(self) -> None:
        """Answer what arrives, until closed."""
        self._running = True
        while not self._closing:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                keys = list(self._waiting)[:_KEYS_MAX]
                await self._answer({key: self._waiting.pop(key) for key in keys})
        self._running = False

    def close(self) -> None:
        """Gather nothing more."""
        self._closing = True
        self._arrived.set()

    async def _answer(self, asked: dict[str, asyncio.Future[T | None]]) -> None:
        try:
            found = await self._fetch(list(asked))
        except Exception as failure:  # noqa: BLE001 - it is theirs who asked
            for waiting in asked.values():
                waiting.set_exception(failure)
                waiting.exception()  # whoever asked may have gone; it is not lost for those who have not
            return
        for key, waiting in asked.items():
            waiting.set_result(found.get(key))
