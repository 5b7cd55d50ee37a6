"""How often something may happen, in Redis and without it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.clock import ManualClock
from app.ids import new_id
from app.plumbing.rates import Rate, Rates, Taken, TooSoon
from app.plumbing.redis import connect_redis

THREE_A_MINUTE = Rate(3, 60)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(params=["in Redis", "here"])
def rates(request: pytest.FixtureRequest, redis: Redis, clock: ManualClock, tmp_path: Path) -> Rates:
    nobody = connect_redis(f"unix://{tmp_path}/nobody-listens")
    return Rates(redis if request.param == "in Redis" else nobody, clock)


async def test_a_burst_is_forgiven_and_then_it_is_one_an_interval(rates: Rates, clock: ManualClock) -> None:
    key = new_id("key")
    left = [await rates.take([(key, THREE_A_MINUTE)]) for _ in range(4)]
    assert left == [Taken(0, 2), Taken(0, 1), Taken(0, 0), TooSoon(0, 20)]
    clock.advance(19.5)
    assert await rates.take([(key, THREE_A_MINUTE)]) == TooSoon(0, 1)
    clock.advance(0.5)
    assert await rates.take([(key, THREE_A_MINUTE)]) == Taken(0, 0)


async def test_what_one_key_refuses_is_charged_to_no_other(rates: Rates) -> None:
    tight, wide = new_id("key"), new_id("key")
    wanted = [(wide, Rate(100, 60)), (tight, Rate(1, 60))]
    assert await rates.take(wanted) == Taken(1, 0)
    assert [await rates.take(wanted) for _ in range(5)] == [TooSoon(1, 60)] * 5
    assert await rates.take([(wide, Rate(100, 60))]) == Taken(0, 98)


async def test_keys_do_not_count_for_each_other(rates: Rates) -> None:
    once = Rate(1, 60)
    assert [await rates.take([(new_id("key"), once)]) for _ in range(3)] == [Taken(0, 0)] * 3


async def test_many_at_once_get_exactly_what_there_is(redis: Redis, clock: ManualClock) -> None:
    rates, key = Rates(redis, clock), new_id("key")
    verdicts = await asyncio.gather(*(rates.take([(key, Rate(20, 60))]) for _ in range(60)))
    assert sum(isinstance(verdict, Taken) for verdict in verdicts) == 20


async def test_a_key_that_is_not_used_leaves_nothing_behind(redis: Redis, clock: ManualClock) -> None:
    key = new_id("key")
    await Rates(redis, clock).take([(key, THREE_A_MINUTE)])
    assert 0 < await redis.pttl(f"rate:{key}") <= 20_001
