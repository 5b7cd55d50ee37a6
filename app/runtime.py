"""The composition root: settings in, one frozen Runtime out. The whole object graph is on this screen."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.clock import Clock, SystemClock
from app.idempotency.claims import Claims
from app.identity import store as users_store
from app.identity.keys import IssuerKeys
from app.identity.store import Users
from app.identity.tokens import AccessTokens
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import connect
from app.plumbing.redis import connect_redis
from app.providers.ports import VerifiesPeople
from app.providers.registry import open_providers
from app.settings import Settings

COLLECTIONS = (*users_store.COLLECTIONS,)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a process works with, wired once."""

    settings: Settings
    clock: Clock
    database: AsyncDatabase[dict[str, Any]]
    redis: Redis
    tokens: AccessTokens
    users: Users
    claims: Claims
    people: VerifiesPeople


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Connect, make the collections true, wire; on the way out close everything in reverse."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
        await stack.enter_async_context(client)
        redis = await stack.enter_async_context(connect_redis(settings.redis_url.get_secret_value()))
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        providers = await open_providers(settings, clock)
        stack.push_async_callback(providers.aclose)
        await ensure_collections(database, COLLECTIONS)
        yield Runtime(
            settings=settings,
            clock=clock,
            database=database,
            redis=redis,
            tokens=access_tokens(settings, http, clock),
            users=Users(database, clock),
            claims=Claims(redis, clock),
            people=providers.people,
        )


def access_tokens(settings: Settings, http: httpx2.AsyncClient, clock: Clock) -> AccessTokens:
    """The verifier of the configured issuer's tokens."""
    return AccessTokens(
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
        tenant_claim=settings.auth_tenant_claim,
        keys=IssuerKeys(settings.auth_issuer, http, clock),
        clock=clock,
    )
