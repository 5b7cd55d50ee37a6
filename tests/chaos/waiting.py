"""Looking again and again, for a bounded time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_LOOK_S = 0.05


async def within(seconds: float, fits: Callable[[], Awaitable[bool]], look_s: float = _LOOK_S) -> bool:
    """Whether it came to fit in that time."""
    deadline = time.monotonic() + seconds
    while True:
        if await fits():
            return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(look_s)
