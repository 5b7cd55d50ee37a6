"""Commands that wait at the same moment travel together, and each gets its own answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from app.plumbing.pipelining import PipelinedRedis


@pytest.fixture
async def pipelined(redis: Redis) -> AsyncIterator[PipelinedRedis]:
    pipelined = PipelinedRedis(redis)
    async with asyncio.TaskGroup() as group:
        group.create_task(pipelined.run())
        yield pipelined
        pipelined.close()


async def reads(redis: Redis) -> int:
    """How often the server has read from a connection."""
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_each_gets_its_own_answer_and_all_share_a_few_turns(redis: Redis, pipelined: PipelinedRedis) -> None:
    before = await reads(redis)
    replies = await asyncio.gather(*(pipelined.execute_command("ECHO", f"{number}") for number in range(500)))
    assert replies == [b"%d" % number for number in range(500)]
    assert await reads(redis) - before < 50


async def test_a_command_that_fails_fails_alone(pipelined: PipelinedRedis) -> None:
    await pipelined.execute_command("SET", "text", "x")
    asked = (pipelined.execute_command("INCR", "text"), pipelined.execute_command("GET", "text"))
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(told[0], ResponseError)
    assert told[1] == b"x"


async def test_a_server_that_is_gone_is_told_to_everybody_who_waits() -> None:
    nowhere = PipelinedRedis(Redis.from_url("unix:///nowhere/valkey.sock"))
    async with asyncio.TaskGroup() as group:
        group.create_task(nowhere.run())
        told = await asyncio.gather(*(nowhere.execute_command("PING") for _ in range(3)), return_exceptions=True)
        nowhere.close()
    assert all(isinstance(each, RedisError | OSError) for each in told)
    with pytest.raises(RedisError):
        await nowhere.execute_command("PING")


async def test_a_caller_who_leaves_takes_nobody_along(pipelined: PipelinedRedis) -> None:
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(pipelined.execute_command("ECHO", "a"))
        staying = group.create_task(pipelined.execute_command("ECHO", "b"))
        await asyncio.sleep(0)
        leaving.cancel()
    assert staying.result() == b"b"
