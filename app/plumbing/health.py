"""Whether the servers we stand on answer."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Health:
    """``mongodb_writable`` is what we cannot do without; without Redis everything works, more slowly."""

    mongodb_writable: bool
    redis_answers: bool


async def check_health(database: AsyncDatabase[dict[str, Any]], redis: Redis) -> Health:
    """Ask both at the same time, and wait two seconds at most."""
    writable, answers = await asyncio.gather(_mongodb_writable(database), _redis_answers(redis))
    return Health(writable, answers)


async def _mongodb_writable(database: AsyncDatabase[dict[str, Any]]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            hello = await database.command("hello")
    except (PyMongoError, TimeoutError):
        return False
    return bool(hello.get("isWritablePrimary"))


async def _redis_answers(redis: Redis) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return bool(await redis.ping())
    except (RedisError, OSError):
        return False
