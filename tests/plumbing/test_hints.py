import asyncio
import socket

import pytest
from redis.asyncio import Redis

from app.plumbing.hints import Hints
from app.plumbing.redis import connect_redis


@pytest.fixture
def nowhere() -> str:
    """An address at which no Redis listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return f"redis://127.0.0.1:{port}"


async def heard(hints: Hints, giver: Hints) -> None:
    """Return once a hint has arrived; one given before the listener listens is lost, so it is given again."""
    arrived = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(hints.listen(lambda _: arrived.set()))
        while not arrived.is_set():
            await giver.give()
            try:
                async with asyncio.timeout(0.05):
                    await arrived.wait()
            except TimeoutError:
                continue
        hints.close()


async def test_a_hint_reaches_another_process(redis: Redis, redis_url: str) -> None:
    async with connect_redis(redis_url) as ours, connect_redis(redis_url) as theirs:
        await heard(Hints(ours), Hints(theirs))


async def test_a_hint_that_cannot_be_given_is_lost_quietly(nowhere: str) -> None:
    async with connect_redis(nowhere) as redis:
        await Hints(redis).give()


async def test_a_listener_without_redis_ends_when_it_is_closed(nowhere: str) -> None:
    async with connect_redis(nowhere) as redis:
        hints = Hints(redis)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(hints.listen(lambda _: None))
            await asyncio.sleep(0)
            hints.close()


async def test_a_listener_whose_connection_is_cut_comes_back(redis: Redis, redis_url: str) -> None:
    async with connect_redis(redis_url) as ours, connect_redis(redis_url) as theirs:
        hints, arrived = Hints(ours), asyncio.Event()
        async with asyncio.timeout(15), asyncio.TaskGroup() as group:
            group.create_task(hints.listen(lambda _: arrived.set()))
            for _ in range(2):
                arrived.clear()
                while not arrived.is_set():
                    await Hints(theirs).give()
                    await asyncio.sleep(0.02)
                await redis.client_kill_filter(_type="pubsub")
            hints.close()


async def test_a_hint_says_what_it_is_about_and_only_on_its_channel(redis: Redis, redis_url: str) -> None:
    async with connect_redis(redis_url) as ours, connect_redis(redis_url) as theirs:
        hints, heard = Hints(ours, "wallet:one"), list[str]()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(hints.listen(heard.append))
            while not heard:
                await Hints(theirs, "wallet:other").give("not this")
                await Hints(theirs, "wallet:one").give("this")
                await asyncio.sleep(0.02)
            hints.close()
    assert set(heard) == {"this"}
