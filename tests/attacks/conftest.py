from collections.abc import AsyncIterator

import pytest

from tests.attacks.house import House, open_house
from tests.databases import Databases
from tests.world_fixtures import sandbox_book

__all__ = ["house", "sandbox_book"]


@pytest.fixture(scope="package")
async def house(mongodb_uri: str, redis_url: str, databases: Databases, sandbox_book: str) -> AsyncIterator[House]:
    """One house for all attempts: none of them may change anything in it."""
    async with databases.lend() as database, open_house(mongodb_uri, redis_url, database.name, sandbox_book) as opened:
        yield opened
