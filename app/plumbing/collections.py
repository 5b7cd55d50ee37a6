"""Collections as data: each room declares its own, and start-up makes them true before any transaction runs.

Collections made implicitly inside a transaction fail other transactions with SnapshotUnavailable, so none is.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import bson
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, CollectionInvalid, OperationFailure

_NAMESPACE_EXISTS = 48
_AT_ONCE_MAX = 8
_TRIES_MAX = 3
_ENGINE = {"wiredTiger": {"configString": "leaf_page_max=4KB"}}
_SMALL_PAGES = {"storageEngine": _ENGINE, "indexOptionDefaults": {"storageEngine": _ENGINE}}


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection, its indexes beside ``_id``, and the JSON schema that the server enforces on every write.

    ``small_pages``: its documents are small and written all over the place, so a page of 4 KB is written anew for each
    and not one of 32. It is settled when the collection is made.
    """

    name: str
    indexes: tuple[IndexModel, ...] = ()
    schema: Mapping[str, Any] | None = None
    small_pages: bool = False


def ids_of_book(book: str) -> dict[str, str]:
    """The filter on ``_id`` that holds exactly one book's documents: the shard-key prefix."""
    return {"$gt": f"{book}/", "$lt": f"{book}0"}  # "0" is what follows "/"


async def ensure_collections(database: AsyncDatabase[dict[str, Any]], specs: Iterable[CollectionSpec]) -> None:
    """Create what is absent, and bring validators and indexes up to date. Safe to run in several processes at once."""
    present = {each["name"]: each["options"].get("validator", {}) async for each in await database.list_collections()}
    places = asyncio.Semaphore(_AT_ONCE_MAX)
    await asyncio.gather(*(_ensure(database, spec, places, present.get(spec.name)) for spec in specs))


async def _ensure(
    database: AsyncDatabase[dict[str, Any]],
    spec: CollectionSpec,
    places: asyncio.Semaphore,
    validated_by: Mapping[str, Any] | None,
) -> None:
    """A lost connection says nothing of what was done, and doing it again changes nothing."""
    async with places:
        for _ in range(_TRIES_MAX - 1):
            with suppress(AutoReconnect):
                return await _make_true(database, spec, validated_by)
        return await _make_true(database, spec, validated_by)


async def _make_true(
    database: AsyncDatabase[dict[str, Any]], spec: CollectionSpec, validated_by: Mapping[str, Any] | None
) -> None:
    """``validated_by``: the validator that is there, None where there is no such collection."""
    validator = {"$jsonSchema": spec.schema} if spec.schema else {}
    if validated_by is None:
        await _create(database, spec.name, {"validator": validator, **(_SMALL_PAGES if spec.small_pages else {})})
    elif bson.encode(validated_by) != bson.encode(validator):
        await database.command("collMod", spec.name, validator=validator)
    if spec.indexes:
        await database[spec.name].create_indexes(list(spec.indexes))


async def _create(database: AsyncDatabase[dict[str, Any]], name: str, options: Mapping[str, Any]) -> None:
    try:
        await database.create_collection(name, **options)
    except CollectionInvalid:
        return
    except OperationFailure as failure:
        if failure.code != _NAMESPACE_EXISTS:
            raise
