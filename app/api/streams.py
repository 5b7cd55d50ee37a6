"""Server-sent events: what every stream of ours has in common (WHATWG HTML, section 9.2).

A stream ends when what it tells has ended, when its time is over (the client comes back with ``Last-Event-ID``), when
the client goes, or at once when the process closes.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.outbox.listeners import Listener

_RETRY = b"retry: 1000\n\n"
_BEAT = b": alive\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One event on the wire."""

    number: int
    kind: str
    data: bytes

    @property
    def encoded(self) -> bytes:
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.number, self.kind.encode(), self.data)


@dataclass(frozen=True, slots=True)
class News:
    """What was found behind a number. ``is_last``: nothing can follow; ``is_more``: something does, already."""

    frames: Sequence[Frame]
    is_last: bool = False
    is_more: bool = False


Look = Callable[[int], Awaitable[News]]
"""Everything behind that number, in order."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a stream lives, how often it looks, and after how long a silence it shows that it is alive."""

    poll_s: float
    life_s: float = 600.0
    beat_s: float = 15.0


class EventStream(StreamingResponse):
    """A stream that gives its listener's place back however it ends, also where it never began.

    A client that takes nothing is left when the stream's time is over.
    """

    def __init__(self, listener: Listener, look: Look, seen: int, pace: Pace) -> None:
        super().__init__(follow(listener, look, seen, pace), media_type="text/event-stream", headers=_HEADERS)
        self._listener = listener
        self._ends_s = pace.life_s + pace.beat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._ends_s):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            return
        finally:
            self._listener.leave()


async def follow(listener: Listener, look: Look, seen: int, pace: Pace) -> AsyncGenerator[bytes]:
    """What is there behind ``seen``, then what comes."""
    loop = asyncio.get_running_loop()
    ends_at, quiet_since = loop.time() + pace.life_s, loop.time()
    yield _RETRY
    while loop.time() < ends_at and not listener.is_over:
        news = await look(seen)
        for frame in news.frames:
            seen, quiet_since = frame.number, loop.time()
            yield frame.encoded
        if news.is_last:
            return
        if loop.time() - quiet_since >= pace.beat_s:
            quiet_since = loop.time()
            yield _BEAT
        if not news.is_more:
            await listener.wait(min(pace.poll_s, pace.beat_s))
