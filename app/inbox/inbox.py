"""The inbox's one verb: receive."""

from collections.abc import Iterable

from app.clock import Clock
from app.inbox.messages import Event, finished, postponed, received
from app.inbox.store import InboxStore

__all__ = ["Inbox", "finished", "postponed"]


class Inbox:
    """Where verified events wait to be applied."""

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def receive(self, events: Iterable[Event]) -> int:
        """Keep the events and return how many were new. Once this returns, the vendor may forget them.

        When it fails midway the vendor delivers all of them again, and those kept already are seen to be old.
        """
        at = self._clock.now()
        return await self._store.insert(*(received(event, at) for event in events))
