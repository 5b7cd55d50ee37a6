from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.ids import new_id
from tests.worlds import World, open_world


@pytest.fixture(scope="session")
async def sandbox_book(mongodb_uri: str) -> AsyncIterator[str]:
    """One database for the simulators of this run: making its signing keys costs more than most tests."""
    name = new_id("sandbox")
    yield name
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as connected:
        await connected.drop_database(name)


@pytest.fixture
async def world(
    mongodb_uri: str, redis_url: str, database: AsyncDatabase[dict[str, Any]], redis: Redis, sandbox_book: str
) -> AsyncIterator[World]:
    """A world in which nothing has happened yet."""
    async with open_world(mongodb_uri, redis_url, database.name, sandbox_book) as opened:
        yield opened
