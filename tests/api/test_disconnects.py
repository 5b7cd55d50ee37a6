"""Clients that go away, and requests that take too long, over a real socket (ASVS 2.3.3): nothing is half done."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.clock import ManualClock
from app.identity.configured import access_tokens
from app.main import create_app
from app.runtime import open_runtime
from app.settings import Settings
from tests.api.given import Tenant
from tests.api.test_streams import serving
from tests.issuer import AUDIENCE, ISSUER, TENANT_CLAIM, Issuer
from tests.ledger.proxy import Fate, Proxy, proxied
from tests.wire import Nowhere

KEY = "once"
PATIENCE_S = 10.0


@dataclass
class Gate:
    """The place before a commit; while it is shut, commits wait there."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    shut: bool = False
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def rule(self, command: str, _message: bytes) -> Fate:
        if self.shut and command == "commitTransaction":
            self.arrived.set()
            await self._opened.wait()
        return Fate.ARRIVES

    def open(self) -> None:
        self.shut = False
        self._opened.set()


@dataclass(frozen=True, slots=True)
class Bank:
    """The application on a port, with a tenant's people, and a gate before its commits."""

    tenant: Tenant
    gate: Gate
    redis: Redis

    @property
    def body(self) -> bytes:
        return json.dumps(self.tenant.order(amount="60.00")).encode()

    async def connected(self) -> asyncio.StreamWriter:
        """A client that has said which request it makes, and nothing of its body."""
        url = self.tenant.client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        head = {**self.headers, "Host": "wallet.test", "Content-Length": str(len(self.body))}
        lines = [f"{name}: {value}" for name, value in head.items()]
        writer.write("\r\n".join(["POST /v1/transfers HTTP/1.1", *lines, "", ""]).encode())
        return writer

    @property
    def headers(self) -> dict[str, str]:
        token = self.tenant.issuer.authorization(**self.tenant.claims("ada"))
        return {**token, "Idempotency-Key": KEY, "Content-Type": "application/json"}

    async def pay(self) -> httpx2.Response:
        return await self.tenant.client.post("/v1/transfers", content=self.body, headers=self.headers)

    async def pay_until_told(self) -> httpx2.Response:
        """Ask again until the first request has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await self.pay()).status_code == 409:  # noqa: ASYNC110 - as its Retry-After says, but sooner
                await asyncio.sleep(0.01)
        return answer


@pytest.fixture
def request_s() -> float:
    return 75.0


@pytest.fixture
async def bank(
    mongodb_uri: str,
    redis_url: str,
    database: AsyncDatabase[dict[str, Any]],
    redis: Redis,
    clock: ManualClock,
    issuer: Issuer,
    request_s: float,
) -> AsyncIterator[Bank]:
    async with AsyncExitStack() as stack:
        line: Proxy = await stack.enter_async_context(proxied(mongodb_uri))
        gate = Gate()
        line.rule = gate.rule
        settings = Settings.model_validate(
            {
                "auth_issuer": ISSUER,
                "auth_audience": AUDIENCE,
                "auth_tenant_claim": TENANT_CLAIM,
                "mongodb_uri": line.uri,
                "mongodb_database": database.name,
                "redis_url": redis_url,
            }
        )
        keys = await stack.enter_async_context(issuer.client())
        runtime = await stack.enter_async_context(open_runtime(settings, clock, Nowhere()))
        app = create_app(replace(runtime, tokens=access_tokens(settings, keys, clock)), request_s=request_s)
        _, client = await stack.enter_async_context(serving(app, runtime, hinted=False))
        tenant = Tenant(runtime, client, issuer)
        await tenant.welcome("ada", 100_00)
        await tenant.welcome("bob")
        stack.callback(gate.open)
        yield Bank(tenant, gate, redis)


async def test_a_body_that_ends_half_way_leaves_nothing_and_its_key_free(bank: Bank) -> None:
    writer = await bank.connected()
    writer.write(bank.body[:20])
    await writer.drain()
    writer.transport.abort()
    first = await bank.pay()
    again = await bank.pay()

    assert (first.status_code, "Idempotent-Replayed" in first.headers) == (201, False)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert await bank.tenant.balance("ada") == "40.00"


async def test_a_client_that_leaves_while_its_payment_commits_is_told_by_a_repeat(bank: Bank) -> None:
    bank.gate.shut = True
    writer = await bank.connected()
    writer.write(bank.body)
    await bank.gate.arrived.wait()
    writer.transport.abort()
    meanwhile = await bank.pay()
    bank.gate.open()
    told = await bank.pay_until_told()

    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "idempotency-in-progress")
    assert (told.status_code, told.headers["Idempotent-Replayed"]) == (201, "true")
    assert await bank.tenant.balance("ada") == "40.00"


@pytest.mark.parametrize("request_s", [0.4])
async def test_a_payment_that_commits_too_long_is_unknown_and_then_found(bank: Bank) -> None:
    bank.gate.shut = True
    cut = await bank.pay()
    bank.gate.open()
    meanwhile = await bank.pay()
    [claim] = await bank.redis.keys("idem:*")
    await bank.redis.delete(claim)  # as its lifetime does
    told = await bank.pay()

    assert (cut.status_code, cut.json()["code"]) == (503, "outcome-unknown")
    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "idempotency-in-progress")
    assert (told.status_code, "Idempotent-Replayed" in told.headers) == (201, False)
    assert await bank.tenant.balance("ada") == "40.00"
