"""A tap on the shoulder between processes: something may be due. Lost hints cost latency, never work."""

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_CHANNEL = "wallet:due"
_PAUSE_S = 1.0
_LISTEN_S = 1.0

log = structlog.get_logger()


class Hints:
    """Gives and takes hints through Redis; without it, everybody polls."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._closing = False

    async def give(self) -> None:
        """Tell whoever listens."""
        try:
            await self._redis.publish(_CHANNEL, "")
        except (RedisError, OSError):
            log.debug("hint-lost")

    def close(self) -> None:
        """Stop listening, within a second."""
        self._closing = True

    async def listen(self, take: Callable[[], None]) -> None:
        """Call ``take`` for every hint, until closed; come back to Redis whenever it comes back."""
        while not self._closing:
            try:
                await self._listen(take)
            except (RedisError, OSError):
                await asyncio.sleep(_PAUSE_S)

    async def _listen(self, take: Callable[[], None]) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(_CHANNEL)
            while not self._closing:
                if await channel.get_message(timeout=_LISTEN_S) is not None:
                    take()
