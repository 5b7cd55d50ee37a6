"""A tap on the shoulder between processes: something may be due. Lost hints cost latency, never work."""

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

DUE = "wallet:due"
WRITTEN = "wallet:written"
PUBLISHED = "wallet:published"
"""Channels: a saga or an event may be due; a notification was written; it was published, about the feeds named."""

_PAUSE_S = 1.0
_LISTEN_S = 1.0

log = structlog.get_logger()


class Hints:
    """Gives and takes hints of one channel through Redis; without it, everybody polls."""

    def __init__(self, redis: Redis, channel: str = DUE) -> None:
        self._redis = redis
        self._channel = channel
        self._closing = False

    async def give(self, about: str = "") -> None:
        """Tell whoever listens."""
        try:
            await self._redis.publish(self._channel, about)
        except (RedisError, OSError):
            log.debug("hint-lost")

    def close(self) -> None:
        """Stop listening, within a second."""
        self._closing = True

    async def listen(self, take: Callable[[str], None]) -> None:
        """Call ``take`` with what each hint is about, until closed; come back to Redis whenever it comes back."""
        while not self._closing:
            try:
                await self._listen(take)
            except (RedisError, OSError):
                await asyncio.sleep(_PAUSE_S)

    async def _listen(self, take: Callable[[str], None]) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self._channel)
            while not self._closing:
                message = await channel.get_message(timeout=_LISTEN_S)
                if message is not None:
                    take(message["data"].decode())
