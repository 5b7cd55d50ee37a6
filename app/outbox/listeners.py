"""Who waits at an open stream of this process: a bounded number, woken when their feed has grown.

Waking is a hint. Whoever waits looks again at every poll, so a lost one costs latency and never a notification.
"""

import asyncio
from collections import defaultdict

from app.errors import Overloaded, TooManyStreams

PER_USER_MAX = 5
TOTAL_MAX = 256
"""Of one process; a quarter of the connections that it takes."""

_RETRY_S = 5


class Listener:
    """One stream's place. Whoever was admitted leaves, however the stream ends."""

    def __init__(self, listeners: "Listeners", feed_id: str) -> None:
        self._listeners = listeners
        self._feed_id = feed_id
        self._stirred = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the process is closing its streams."""
        return self._listeners.is_closing

    def stir(self) -> None:
        """Wake it up."""
        self._stirred.set()

    async def wait(self, timeout_s: float) -> None:
        """Until there may be something new, at most that long. What came since the last wait counts."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    def leave(self) -> None:
        """Give the place back; a second time changes nothing."""
        self._listeners.forget(self._feed_id, self)


class Listeners:
    """All of a process."""

    def __init__(self) -> None:
        self._by_feed: defaultdict[str, set[Listener]] = defaultdict(set)
        self.is_closing = False

    def admit(self, feed_id: str) -> Listener:
        """A place for one more stream of that feed. Raises TooManyStreams, then Overloaded."""
        if len(self._by_feed.get(feed_id, ())) >= PER_USER_MAX:
            raise TooManyStreams(PER_USER_MAX, _RETRY_S)
        if self.is_closing or sum(map(len, self._by_feed.values())) >= TOTAL_MAX:
            raise Overloaded
        listener = Listener(self, feed_id)
        self._by_feed[feed_id].add(listener)
        return listener

    def wake(self, feed_ids: str) -> None:
        """Those feeds, named with spaces between them, have grown."""
        for feed_id in feed_ids.split():
            for listener in self._by_feed.get(feed_id, ()):
                listener.stir()

    def close(self) -> None:
        """Let every stream end now."""
        self.is_closing = True
        for listeners in self._by_feed.values():
            for listener in listeners:
                listener.stir()

    def forget(self, feed_id: str, listener: Listener) -> None:
        """Take a stream's place back."""
        self._by_feed[feed_id].discard(listener)
        if not self._by_feed[feed_id]:
            del self._by_feed[feed_id]
