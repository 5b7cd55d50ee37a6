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


async def test_collections_get_their_validator_and_their_indexes(bare_database: Database) -> None:
    await ensure_collections(bare_database, [CollectionSpec("things", (IndexModel([("name", ASCENDING)]),), NUMBERED)])
    with pytest.raises(WriteError):
        await bare_database["things"].insert_one({"name": "no number"})
    assert set(await bare_database["things"].index_information()) == {"_id_", "name_1"}


async def test_a_collection_that_is_there_takes_on_the_new_validator_and_keeps_its_documents(
    bare_database: Database,
) -> None:
    await ensure_collections(bare_database, [CollectionSpec("things", schema=NUMBERED)])
    await bare_database["things"].insert_one({"_id": "first", "number": 1})
    await ensure_collections(bare_database, [CollectionSpec("things", schema=NAMED)])
    await bare_database["things"].insert_one({"_id": "second", "name": "no number"})
    with pytest.raises(WriteError):
        await bare_database["things"].insert_one({"_id": "third", "number": 3})
    assert await bare_database["things"].count_documents({}) == 2


async def test_a_validator_that_is_no_longer_declared_goes(bare_database: Database) -> None:
    await ensure_collections(bare_database, [CollectionSpec("things", schema=NUMBERED)])
    await ensure_collections(bare_database, [CollectionSpec("things")])
    await bare_database["things"].insert_one({})


async def test_several_processes_may_start_at_once(bare_database: Database) -> None:
    specs = [CollectionSpec(f"things_{n}", (IndexModel([("name", ASCENDING)]),), NUMBERED) for n in range(4)]
    await asyncio.gather(*(ensure_collections(bare_database, specs) for _ in range(4)))
    assert set(await bare_database.list_collection_names()) == {spec.name for spec in specs}


async def test_small_pages_are_those_of_the_documents_and_of_the_keys(bare_database: Database) -> None:
    spec = CollectionSpec("things", (IndexModel([("name", ASCENDING)]),), small_pages=True)
    await ensure_collections(bare_database, [spec, CollectionSpec("others")])

    async def page_sizes(name: str) -> set[str]:
        stats = await bare_database.command("collStats", name, indexDetails=True)
        trees = [stats["wiredTiger"], *stats["indexDetails"].values()]
        return {re.findall(r"leaf_page_max=(\w+)", tree["creationString"])[-1] for tree in trees}

    assert await page_sizes("things") == {"4KB"}
    assert "4KB" not in await page_sizes("others")
