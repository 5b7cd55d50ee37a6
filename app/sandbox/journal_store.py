"""Where the sandbox's book is kept: a journal of what was written, and the collections it ends up in.

An entry of the journal is one document, so it is there whole or not at all, and keeping it is one message however many
documents it writes. Now and then what was written is sorted into the collections, each document once, as it is by
then, and the journal begins anew. What a journal still holds at a start is sorted in first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import CodecOptions, decode, encode
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, DeleteOne, ReplaceOne
from pymongo.errors import PyMongoError

from app.ids import new_id

Document = dict[str, Any]
StoreFailure = PyMongoError
"""What is raised when the database does not answer."""

_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)
_RAW = CodecOptions(document_class=RawBSONDocument)
_JOURNAL, _COUNTERS = "journal", "counters"
_PATIENCE_MS = 3_000
_ENTRIES_MAX = 200
_NUMBERS_SKIPPED = 1_000
"""More than are given out between two entries: what one of them named may never have been kept."""


@dataclass(frozen=True, slots=True)
class Write:
    """A document as it is from now on; None: it is gone."""

    collection: str
    key: Any
    raw: bytes | None


def as_stored(document: Document) -> bytes:
    """The bytes it is kept as."""
    return encode(document, codec_options=_CODEC)


def as_read(raw: bytes) -> Document:
    """A document that belongs to nobody else."""
    return decode(raw, codec_options=_CODEC)


class JournalStore:
    """One sandbox's database; one process writes it."""

    def __init__(self, uri: str, name: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(uri, serverSelectionTimeoutMS=_PATIENCE_MS)
        self._database = self._client[name]
        self._run = new_id("run")
        self._entries = self._last = 0
        self._loose: dict[tuple[str, Any], bytes | None] = {}
        self._sorted: defaultdict[str, set[Any]] = defaultdict(set)

    async def load(self, first_number: int) -> tuple[Mapping[str, Mapping[Any, bytes]], int]:
        """All documents by collection and id, and a number from which on none was given out."""
        counter = await self._database[_COUNTERS].find_one({"_id": "number"})
        self._last = counter["last"] if counter else first_number
        loaded: dict[str, dict[Any, bytes]] = {}
        for name in await self._database.list_collection_names():
            if name not in {_JOURNAL, _COUNTERS}:
                rows = self._database[name].with_options(codec_options=_RAW).find()
                loaded[name] = {row["_id"]: bytes(row.raw) async for row in rows}
                self._sorted[name] = set(loaded[name])
        async for entry in self._database[_JOURNAL].with_options(codec_options=_CODEC).find().sort("_id", 1):
            self._last = max(self._last, entry["last"])
            for each in entry["writes"]:
                raw = None if each["to"] is None else as_stored(each["to"])
                self._loose[each["in"], each["key"]] = raw
        for (name, key), raw in self._loose.items():
            if raw is None:
                loaded.setdefault(name, {}).pop(key, None)
            else:
                loaded.setdefault(name, {})[key] = raw
        self._last += _NUMBERS_SKIPPED
        await self._sort_in()
        await self._database[_JOURNAL].delete_many({})
        return loaded, self._last

    async def append(self, writes: Sequence[Write], last: int) -> None:
        """Keep these, whole or not at all. ``last``: the last number that was given out."""
        self._entries += 1
        entry = {
            "_id": f"{self._run}:{self._entries:012}",
            "last": last,
            "writes": [
                {"in": each.collection, "key": each.key, "to": each.raw and RawBSONDocument(each.raw)}
                for each in writes
            ],
        }
        await self._database[_JOURNAL].insert_one(entry)
        self._last = last
        self._loose |= {(each.collection, each.key): each.raw for each in writes}
        if self._entries % _ENTRIES_MAX == 0:
            await self.tidy()

    async def tidy(self) -> None:
        """Sort what the journal holds into the collections, and empty it."""
        await self._sort_in()
        await self._database[_JOURNAL].delete_many({"_id": {"$gt": f"{self._run}:", "$lt": f"{self._run};"}})

    async def close(self) -> None:
        await self._client.close()

    async def _sort_in(self) -> None:
        by_collection: defaultdict[str, list[tuple[Any, bytes | None]]] = defaultdict(list)
        for (name, key), raw in self._loose.items():
            by_collection[name].append((key, raw))
        for name, documents in by_collection.items():
            if operations := list(self._operations(self._sorted[name], documents)):
                await self._database[name].bulk_write(operations, ordered=False)
            self._sorted[name] |= {key for key, raw in documents if raw is not None}
            self._sorted[name] -= {key for key, raw in documents if raw is None}
        counter = {"$set": {"last": self._last}}
        await self._database[_COUNTERS].update_one({"_id": "number"}, counter, upsert=True)
        self._loose.clear()

    def _operations(
        self, there: set[Any], documents: Iterable[tuple[Any, bytes | None]]
    ) -> Iterable[ReplaceOne[Any] | DeleteOne]:
        for key, raw in documents:
            if raw is not None:
                yield ReplaceOne({"_id": key}, RawBSONDocument(raw), upsert=True)
            elif key in there:
                yield DeleteOne({"_id": key})
