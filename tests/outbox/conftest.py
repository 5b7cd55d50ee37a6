from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.clock import ManualClock
from app.runtime import open_runtime
from app.settings import Settings
from tests.outbox.given import House
from tests.wire import Nowhere
from tests.world_fixtures import ada, busy_world, calm_world, rich_ada, sandbox_book, timings
from tests.worlds import NOW

__all__ = ["ada", "busy_world", "calm_world", "rich_ada", "sandbox_book", "timings"]


@pytest.fixture
async def house(
    mongodb_uri: str, redis_url: str, database: AsyncDatabase[dict[str, Any]], redis: Redis
) -> AsyncIterator[House]:
    """A house in which nothing has happened yet."""
    given = {"mongodb_uri": mongodb_uri, "mongodb_database": database.name, "redis_url": redis_url}
    settings, clock = Settings.model_validate(given), ManualClock(NOW)
    async with open_runtime(settings, clock, Nowhere()) as runtime:
        yield House(runtime, clock, settings)
