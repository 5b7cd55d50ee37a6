"""The inbox's one verb: receive."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count, islice

from app.clock import Clock
from app.inbox.messages import Document, Event, finished, postponed, received
from app.inbox.store import InboxStore
from app.plumbing.gathered import Gathered

__all__ = ["Inbox", "finished", "postponed"]


class Inbox:
    """Where verified events wait to be applied. Deliveries of one moment are kept by one message to the server."""

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._numbers = count()
        self._arriving: dict[str, list[Document]] = {}
        self.deliveries: Gathered[int | Exception] = Gathered(self._keep)

    async def receive(self, events: Iterable[Event]) -> int:
        """Keep the events and return how many were new. Once this returns, the vendor may forget them.

        When it fails midway the vendor delivers all of them again, and those kept already are seen to be old.
        """
        at, delivery = self._clock.now(), str(next(self._numbers))
        self._arriving[delivery] = [received(event, at) for event in events]
        try:
            new = await self.deliveries.get(delivery)
        finally:
            del self._arriving[delivery]  # whoever has gone away delivers again
        if isinstance(new, Exception):
            raise new
        return new or 0

    async def _keep(self, deliveries: Sequence[str]) -> Mapping[str, int | Exception]:
        arriving = {each: self._arriving[each] for each in deliveries if each in self._arriving}
        try:
            new = iter(await self._store.insert(*chain.from_iterable(arriving.values())))
        except Exception:
            if len(arriving) == 1:
                raise
            kept = await asyncio.gather(*map(self._keep_alone, arriving.values()))
            return dict(zip(arriving, kept, strict=True))
        return {each: sum(islice(new, len(documents))) for each, documents in arriving.items()}

    async def _keep_alone(self, documents: Iterable[Document]) -> int | Exception:
        """One delivery of several that could not be kept together: a spoilt one is no other vendor's fault."""
        try:
            return sum(await self._store.insert(*documents))
        except Exception as failure:  # noqa: BLE001 - it is told to whoever delivered this
            return failure
