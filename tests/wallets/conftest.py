from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from tests.databases import Databases
from tests.wallets.given import Till, open_till
from tests.world_fixtures import ada, busy_world, calm_world, sandbox_book, timings

__all__ = ["ada", "busy_world", "calm_world", "sandbox_book", "timings"]


@pytest.fixture
async def till(database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[Till]:
    async with open_till(database) as opened:
        yield opened


@pytest.fixture(scope="module")
async def lasting_till(databases: Databases) -> AsyncIterator[Till]:
    """One for all examples of a property."""
    async with databases.lend() as database, open_till(database) as opened:
        yield opened
