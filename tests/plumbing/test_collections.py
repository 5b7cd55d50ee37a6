"""Collections are made as declared, and brought up to date."""

import asyncio
import re
from typing import Any

import pytest
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import WriteError

from app.plumbing.collections import CollectionSpec, ensure_collections

Database = AsyncDatabase[dict[str, Any]]

NUMBERED = {"bsonType": "object", "required": ["number"]}
NAMED = {"bsonType": "object", "required": ["name"]}


async def test_collections_get_their_validator_and_their_indexes(database: Database) -> None:
    await ensure_collections(database, [CollectionSpec("things", (IndexModel([("name", ASCENDING)]),), NUMBERED)])
    with pytest.raises(WriteError):
        await database["things"].insert_one({"name": "no number"})
    assert set(await database["things"].index_information()) == {"_id_", "name_1"}


async def test_a_collection_that_is_there_takes_on_the_new_validator_and_keeps_its_documents(
    database: Database,
) -> None:
    await ensure_collections(database, [CollectionSpec("things", schema=NUMBERED)])
    await database["things"].insert_one({"_id": "first", "number": 1})
    await ensure_collections(database, [CollectionSpec("things", schema=NAMED)])
    await database["things"].insert_one({"_id": "second", "name": "no number"})
    with pytest.raises(WriteError):
        await database["things"].insert_one({"_id": "third", "number": 3})
    assert await database["things"].count_documents({}) == 2


async def test_a_validator_that_is_no_longer_declared_goes(database: Database) -> None:
    await ensure_collections(database, [CollectionSpec("things", schema=NUMBERED)])
    await ensure_collections(database, [CollectionSpec("things")])
    await database["things"].insert_one({})


async def test_several_processes_may_start_at_once(database: Database) -> None:
    specs = [CollectionSpec(f"things_{n}", (IndexModel([("name", ASCENDING)]),), NUMBERED) for n in range(4)]
    await asyncio.gather(*(ensure_collections(database, specs) for _ in range(4)))
    assert set(await database.list_collection_names()) == {spec.name for spec in specs}


async def test_small_pages_are_those_of_the_documents_and_of_the_keys(database: Database) -> None:
    spec = CollectionSpec("things", (IndexModel([("name", ASCENDING)]),), small_pages=True)
    await ensure_collections(database, [spec, CollectionSpec("others")])

    async def page_sizes(name: str) -> set[str]:
        stats = await database.command("collStats", name, indexDetails=True)
        trees = [stats["wiredTiger"], *stats["indexDetails"].values()]
        return {re.findall(r"leaf_page_max=(\w+)", tree["creationString"])[-1] for tree in trees}

    assert await page_sizes("things") == {"4KB"}
    assert "4KB" not in await page_sizes("others")
