"""Customers who buy: each purchase paid by a bank, and counted when its saga has completed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import getpid
from random import Random
from time import monotonic
from typing import Any, Self

import httpx2

from app.ids import new_id
from app.plumbing.mongo import Database, connect
from app.stack.sandbox_client import SandboxClient
from bench.child import serve_one_job
from bench.measuring import Sample, Tally, Window, metered

_ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
_UNFINISHED = ["running", "waiting", "compensating"]
_LOOK_S = 0.05
_TIMEOUT_S = 15.0
_KEEPALIVE_S = 2.0
"""Shorter than the API keeps idle connections, or an order meets one that is just being closed."""


@dataclass(frozen=True, slots=True)
class PurchaseJob:
    """``in_flight`` purchases are kept on their way by the owners of these tokens; coins go on chain or stay here."""

    uri: str
    database: str
    api_url: str
    sandbox_url: str
    tokens: list[str]
    in_flight: int
    on_chain: bool
    warmup_s: float
    window_s: float
    pids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**content)


@dataclass(slots=True)
class Buyer:
    """A verified customer with a linked bank."""

    http: httpx2.AsyncClient
    link: str = ""
    account: str = ""

    async def settle_in(self, sandbox: SandboxClient) -> None:
        asked = {"public_token": await sandbox.public_token(), "account_id": "acc-checking"}
        self.link = (await self._post("/v1/bank-links", asked, 201))["id"]
        self.account = (await self._post("/v1/accounts", {"currency": "BTC"}, 201))["id"]

    async def buy(self, *, on_chain: bool) -> None:
        asked = {"side": "buy", "base": "BTC", "quote_currency": "USD", "amount": "50.00"}
        quote = await self._post("/v1/quotes", {**asked, **({"chain": "bitcoin"} if on_chain else {})}, 201)
        address = {"type": "address", "chain": "bitcoin", "address": _ADDRESS}
        order = {
            "quote_id": quote["id"],
            "funding": {"type": "bank", "bank_link_id": self.link},
            "destination": address if on_chain else {"type": "account", "account_id": self.account},
        }
        await self._post("/v1/purchases", order, 202)

    async def _post(self, path: str, content: dict[str, Any], expected: int) -> dict[str, Any]:
        answer = await self.http.post(path, json=content, headers={"Idempotency-Key": new_id("key")})
        if answer.status_code != expected:
            raise Refused(f"{answer.status_code} {answer.json().get('code')}")
        return dict(answer.json())


class Refused(Exception):
    """A customer was not given what they asked for."""


async def load_purchases(job: PurchaseJob, ready: Callable[[], Awaitable[None]]) -> Sample:
    """Settle everybody in, wait until all are ready, and buy until the window is over."""
    client, database = connect(job.uri, job.database)
    async with client, AsyncExitStack() as opened:
        sandbox = await opened.enter_async_context(SandboxClient(job.sandbox_url))
        buyers = [Buyer(await opened.enter_async_context(_client(job, token))) for token in job.tokens]
        for buyer in buyers:
            await buyer.settle_in(sandbox)
        await ready()
        window = Window.from_now(job.warmup_s, job.window_s)
        tally = Tally(window)
        began_at = datetime.now(UTC).timestamp() - monotonic()
        async with asyncio.TaskGroup() as group:
            usage = group.create_task(metered(window, {"customers": getpid(), **job.pids}))
            group.create_task(_keep_buying(job, database, buyers, tally, group))
        async for saga in database["sagas"].find({"status": "completed"}, {"created_at": 1, "updated_at": 1}):
            tally.note(*(saga[name].timestamp() - began_at for name in ("created_at", "updated_at")))
        return tally.sample(usage.result())


def _client(job: PurchaseJob, token: str) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx2.Limits(keepalive_expiry=_KEEPALIVE_S)
    return httpx2.AsyncClient(base_url=job.api_url, headers=headers, timeout=_TIMEOUT_S, limits=limits, trust_env=False)


async def _keep_buying(
    job: PurchaseJob, database: Database, buyers: list[Buyer], tally: Tally, group: asyncio.TaskGroup
) -> None:
    random, asking = Random(job.database), set[asyncio.Task[None]]()
    while monotonic() < tally.window.ends_at:
        unfinished = await database["sagas"].count_documents({"status": {"$in": _UNFINISHED}})
        for _ in range(job.in_flight - unfinished - len(asking)):
            buying = group.create_task(_buy(random.choice(buyers), tally, on_chain=job.on_chain))
            asking.add(buying)
            buying.add_done_callback(asking.discard)
        await asyncio.sleep(_LOOK_S)


async def _buy(buyer: Buyer, tally: Tally, *, on_chain: bool) -> None:
    try:
        await buyer.buy(on_chain=on_chain)
    except (Refused, httpx2.TransportError) as refusal:
        tally.refused[str(refusal) or type(refusal).__name__] += 1


if __name__ == "__main__":
    serve_one_job(PurchaseJob.read, load_purchases)
