"""Databases that are lent to one test after another: making their collections costs more than most tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.ids import new_id
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database
from app.runtime import COLLECTIONS


class Databases:
    """Databases beside the given one, read and written as it is."""

    def __init__(self, pattern: Database) -> None:
        self._pattern = pattern
        self._free: list[Database] = []

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Database]:
        """A database with every collection of the product and no document. Nobody else uses it meanwhile."""
        lent = self._free.pop() if self._free else await self._make()
        yield lent
        await _empty(lent)
        self._free.append(lent)

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[Database]:
        """A database without collections, gone afterwards."""
        bare = self._beside()
        yield bare
        await bare.client.drop_database(bare.name)

    async def close(self) -> None:
        for each in self._free:
            await each.client.drop_database(each.name)

    async def _make(self) -> Database:
        made = self._beside()
        await ensure_collections(made, COLLECTIONS)
        return made

    def _beside(self) -> Database:
        return self._pattern.client.get_database(
            new_id("test"),
            codec_options=self._pattern.codec_options,
            read_preference=self._pattern.read_preference,
            write_concern=self._pattern.write_concern,
            read_concern=self._pattern.read_concern,
        )


async def _empty(database: Database) -> None:
    """Take out every document, and whatever collection a test has made or lost."""
    made, declared = set(await database.list_collection_names()), {spec.name for spec in COLLECTIONS}
    await asyncio.gather(
        *(database[name].delete_many({}) for name in made & declared),
        *(database.drop_collection(name) for name in made - declared),
    )
    if declared - made:
        await ensure_collections(database, COLLECTIONS)
