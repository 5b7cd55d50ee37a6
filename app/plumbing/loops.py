"""Background loops that go on when what they rely on comes back."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

PAUSE_S = 1.0

log = structlog.get_logger()


async def every(seconds: float, do: Callable[[], Awaitable[object]], closed: asyncio.Event) -> None:
    """Do it at once and then again, that long after it was done, until closed."""
    while not closed.is_set():
        await do()
        try:
            async with asyncio.timeout(seconds):
                await closed.wait()
        except TimeoutError:
            continue


async def kept_up(name: str, loop: Callable[[], Awaitable[None]], *, pause_s: float = PAUSE_S) -> None:
    """Run a loop until it returns, because it was closed; begin again, a pause later, whenever it fails.

    One loop that meets an outage must not end its neighbours: they have calls under way.
    """
    while True:
        try:
            await loop()
        except Exception as error:
            log.exception("loop-failed", loop=name, reason=type(error).__name__)
            await asyncio.sleep(pause_s)
        else:
            return
