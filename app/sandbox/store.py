"""The sandbox's own book: one process writes it, and every change is whole or not at all.

It is held in memory, and kept in a database of its own as a journal. What is written at the same moment goes there
together, and nobody is answered before what they were told of is kept.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from app.sandbox.journal_store import Document, JournalStore, StoreFailure, Write, as_read, as_stored
from app.sandbox.tables import BY_ID, Query, Sort, Table, updated

__all__ = ["Document", "Store", "StoreFailure"]

_NOTES_MAX = 1_000
_WRITES_MAX = 10_000
_Result = TypeVar("_Result")


@dataclass(slots=True)
class _Work:
    """What a work has written so far, what was there before, and what is to follow it."""

    writes: list[Write] = field(default_factory=list)
    before: list[Write] = field(default_factory=list)
    then: list[Callable[[], None]] = field(default_factory=list)


_work: ContextVar[_Work | None] = ContextVar("sandbox_work", default=None)


class Store:
    """Documents by collection. Inside ``atomically`` every call joins the same work."""

    def __init__(self, uri: str, database: str) -> None:
        self._uri = uri
        self._name = database
        self._journal: JournalStore
        self._tables: dict[str, Table] = {}
        self._declared: Mapping[str, Sequence[str]] = {}
        self._working, self._keeping = asyncio.Lock(), asyncio.Lock()
        self._unkept: deque[tuple[int, list[Write]]] = deque()
        self._made = self._kept = self._last = 0

    async def open(self, collections: Mapping[str, Sequence[str]], started_at: datetime) -> None:
        """Connect, and read what is there. An index is named by its fields, joined by ``+``."""
        self._declared = collections
        self._journal = JournalStore(self._uri, self._name)
        # Numbers begin at the milliseconds of the first start, so a new database does not repeat an old one's ids.
        loaded, self._last = await self._journal.load(int(started_at.timestamp()) * 1_000)
        for name, documents in loaded.items():
            table = self._in(name)
            for raw in documents.values():
                table.put(as_read(raw), raw)

    async def close(self) -> None:
        """Keep what is left, if the database is there."""
        with suppress(StoreFailure):
            async with self._keeping:
                while self._unkept:
                    await self._keep()
                await self._journal.tidy()
        await self._journal.close()

    async def wipe(self, *, keep: Collection[str]) -> None:
        """Empty every collection but those; numbers go on, so no id comes twice."""

        async def empty() -> None:
            for name in self._declared:
                if name not in keep:
                    await self.delete(name, {})

        await self.atomically(empty)

    async def atomically(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Do the work whole; nothing of it is seen when it raises. Once this returns, it is kept.

        Works follow one another, so a work waits for nothing but this store.
        """
        if _work.get() is not None:
            return await work()
        async with self._working:
            done, result = await self._done(work)
            if done.writes:
                self._made += 1
                self._unkept.append((self._made, done.writes))
        await self.settled()
        for call in done.then:
            call()
        return result

    async def settled(self) -> None:
        """Wait until everything that was written before is kept. Raises StoreFailure."""
        made = self._made
        while self._kept < made:
            async with self._keeping:
                if self._kept < made:
                    await self._keep()

    def once_kept(self, call: Callable[[], None]) -> None:
        """Do this as soon as what is being written is kept: now, outside of a work."""
        work = _work.get()
        if work is None:
            call()
        else:
            work.then.append(call)

    async def next_number(self) -> int:
        """A number never given out before; it may be lost, never repeated."""
        self._last += 1
        return self._last

    async def get(self, collection: str, key: object) -> Document | None:
        return self._in(collection).get(key)

    async def find(
        self, collection: str, query: Query, *, sort: Sort = BY_ID, skip: int = 0, limit: int = 1_000
    ) -> list[Document]:
        return self._in(collection).find(query, sort=sort, skip=skip, limit=limit)

    async def count(self, collection: str, query: Query) -> int:
        return len(self._in(collection).matching(query))

    async def put(self, collection: str, document: Document) -> None:
        """Write the document, in place of the one with its ``_id`` if there is one."""
        await self.add(collection, (document,))

    async def add(self, collection: str, documents: Sequence[Document]) -> None:
        """Write several."""

        async def write() -> None:
            for document in documents:
                self._write(collection, document["_id"], document)

        await self.atomically(write)

    async def change(self, collection: str, query: Query, update: Query, *, sort: Sort = BY_ID) -> Document | None:
        """Apply the update to the first document that fits; the document as it then is, or None."""

        async def write() -> Document | None:
            found = self._in(collection).find(query, sort=sort, limit=1)
            if not found:
                return None
            changed = updated(found[0], update)
            self._write(collection, changed["_id"], changed)
            return changed

        return await self.atomically(write)

    async def delete(self, collection: str, query: Query) -> int:
        """Take away what fits; how many that were."""

        async def write() -> int:
            fitting = self._in(collection).matching(query)
            for key in fitting:
                self._write(collection, key, None)
            return len(fitting)

        return await self.atomically(write)

    def note(self, collection: str, key: object, document: Document | None) -> None:
        """Write what may be lost with the process, or take it away; it is kept with what is written next."""
        written = self._apply(collection, key, document)
        if len(self._unkept) >= _NOTES_MAX:
            self._made += 1
        self._unkept.append((self._made, [written]))

    async def _done(self, work: Callable[[], Awaitable[_Result]]) -> tuple[_Work, _Result]:
        joined = _Work()
        token = _work.set(joined)
        try:
            return joined, await work()
        except BaseException:
            for before in reversed(joined.before):
                self._apply(before.collection, before.key, None if before.raw is None else as_read(before.raw))
            raise
        finally:
            _work.reset(token)

    def _write(self, collection: str, key: object, document: Document | None) -> None:
        work = _work.get()
        if work is None:
            raise RuntimeError("what is written is part of a work")
        work.before.append(Write(collection, key, self._in(collection).raw(key)))
        work.writes.append(self._apply(collection, key, document))

    def _apply(self, collection: str, key: object, document: Document | None) -> Write:
        table = self._in(collection)
        raw = None if document is None else as_stored(document)
        if document is not None and raw is not None:
            table.put(document, raw)
        elif table.raw(key) is not None:
            table.remove(key)
        return Write(collection, key, raw)

    async def _keep(self) -> None:
        """Bring what waits into the journal, whole works at a time, as many as fit."""
        taken = 0
        writes: list[Write] = []
        for _, work in self._unkept:
            if writes and len(writes) + len(work) > _WRITES_MAX:
                break
            writes += work
            taken += 1
        last_made = self._unkept[taken - 1][0]
        await self._journal.append(writes, self._last)
        for _ in range(taken):
            self._unkept.popleft()
        self._kept = last_made

    def _in(self, collection: str) -> Table:
        table = self._tables.get(collection)
        if table is None:
            table = self._tables[collection] = Table(self._declared.get(collection, ()), as_read)
        return table
