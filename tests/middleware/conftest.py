from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest
from redis.asyncio import Redis

from app.clock import ManualClock
from app.idempotency.claims import Claims
from app.plumbing.rates import Rates
from tests.middleware.toys import Toy


@pytest.fixture
def toy(redis: Redis) -> Toy:
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    return Toy(Claims(redis, clock), Rates(redis, clock))


@pytest.fixture
async def client(toy: Toy) -> AsyncIterator[httpx2.AsyncClient]:
    async with toy.client() as client:
        yield client
