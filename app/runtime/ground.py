"""What every other room stands on: settings, time, keys, hints between processes, and what is measured."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from redis.asyncio import Redis

from app.clock import Clock
from app.orchestrator.measures import Measures
from app.plumbing.hints import PUBLISHED, WRITTEN, Hints
from app.plumbing.redis import connect_redis
from app.plumbing.sealing import Sealer
from app.plumbing.signing import Signer
from app.settings import Settings


@dataclass(frozen=True)
class Ground:
    """``hints`` tell of work, ``written`` of notifications to publish, ``published`` of feeds that have grown."""

    settings: Settings
    clock: Clock
    redis: Redis
    hints: Hints
    written: Hints
    published: Hints
    sealer: Sealer
    signer: Signer
    measures: Measures


async def open_ground(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Ground:
    """Connect to Redis, and read the keys."""
    redis = await stack.enter_async_context(connect_redis(settings.redis_url.get_secret_value()))
    return Ground(
        settings=settings,
        clock=clock,
        redis=redis,
        hints=Hints(redis),
        written=Hints(redis, WRITTEN),
        published=Hints(redis, PUBLISHED),
        sealer=Sealer(settings.sealing_key, *settings.older_sealing_keys),
        signer=Signer(settings.receipt_key),
        measures=Measures(),
    )
