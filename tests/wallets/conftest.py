from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from app.ids import new_id
from app.plumbing import mongo
from tests.wallets.given import Till, open_till
from tests.world_fixtures import ada, busy_world, calm_world, sandbox_book, timings

__all__ = ["ada", "busy_world", "calm_world", "sandbox_book", "timings"]


@pytest.fixture
async def till(database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[Till]:
    async with open_till(database) as opened:
        yield opened


@pytest.fixture(scope="module")
async def lasting_till(mongodb_uri: str) -> AsyncIterator[Till]:
    """One for all examples of a property."""
    client, database = mongo.connect(mongodb_uri, new_id("test"))
    async with client:
        async with open_till(database) as opened:
            yield opened
        await client.drop_database(database.name)
