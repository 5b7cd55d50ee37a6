from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest
from redis.asyncio import Redis

from app.clock import ManualClock
from app.idempotency.claims import Claims
from tests.middleware.toys import Toy


@pytest.fixture
def toy(redis: Redis) -> Toy:
    return Toy(Claims(redis, ManualClock(datetime(2026, 11, 20, tzinfo=UTC))))


@pytest.fixture
async def client(toy: Toy) -> AsyncIterator[httpx2.AsyncClient]:
    async with toy.client() as client:
        yield client
