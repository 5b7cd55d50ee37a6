"""A sandbox with a tiny wallet behind it: what the wallet was sent is what a test asserts on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.clock import Clock, SystemClock
from app.sandbox.config import SandboxConfig
from app.sandbox.serve import create_sandbox

UNIT = {"Authorization": "Bearer any", "Content-Type": "application/vnd.api+json"}
TATUM = {"x-api-key": "any"}
STRIPE = {"Authorization": "Bearer sk_test_any"}
PLAID = {"PLAID-CLIENT-ID": "any", "PLAID-SECRET": "any"}
DEADLINE_S = 10.0
SENDER = "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy"
RECEIVER = "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7"


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it arrived."""

    vendor: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Wallet:
    """The receiving side: keeps what it is sent, and answers as told."""

    received: list[Received] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    attempts: int = 0
    webhook_status: int = 200
    approval_status: int = 200
    together: asyncio.Barrier | None = None
    """Where so many webhooks wait for each other before any of them is answered."""

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/webhooks/tatum/kms/{pending_id}", self._approve, methods=["GET"]),
                Route("/webhooks/{vendor}", self._receive, methods=["POST"]),
            ]
        )

    def events(self, vendor: str) -> list[Any]:
        return [received.json() for received in self.received if received.vendor == vendor]

    def unit_events(self) -> list[str]:
        return [event["type"] for body in self.events("unit") for event in body["data"]]

    async def _receive(self, request: Request) -> Response:
        self.attempts += 1
        if self.together is not None:
            await self.together.wait()
        if self.webhook_status == 200:
            body = await request.body()
            self.received.append(Received(request.path_params["vendor"], dict(request.headers), body))
        return Response(status_code=self.webhook_status)

    async def _approve(self, request: Request) -> Response:
        self.questions.append(request.path_params["pending_id"])
        return Response(status_code=self.approval_status)


def config_of(mongodb_uri: str, database: str, *, pace_s: float = 0.1) -> SandboxConfig:
    return SandboxConfig(
        mongodb_uri=mongodb_uri,
        database=database,
        pace_s=pace_s,
        api_url="http://wallet",
        unit_webhook_secret="unit-secret-1",
        tatum_webhook_secret="tatum-hmac-1",
        sumsub_secret="sumsub-secret-1",
        sumsub_webhook_secret="sumsub-wh-1",
        stripe_webhook_secret="whsec_test1",
    )


@asynccontextmanager
async def running(
    config: SandboxConfig, wallet: Wallet, clock: Clock | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """The sandbox, running until the block ends; leaving it is as good as a crash, for everything is stored."""
    sandbox = create_sandbox(config, clock or SystemClock(), transport=httpx2.ASGITransport(app=wallet.application()))
    transport = httpx2.ASGITransport(app=sandbox)
    async with (
        sandbox.router.lifespan_context(sandbox),
        httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as client,
    ):
        yield client


async def eventually(condition: Callable[[], Awaitable[Any]], *, deadline_s: float = DEADLINE_S) -> Any:
    """The first truthy result of the condition; fails when the deadline passes without one."""
    async with asyncio.timeout(deadline_s):
        while True:
            if result := await condition():
                return result
            await asyncio.sleep(0.01)


async def always(condition: Callable[[], bool], *, for_s: float) -> None:
    """Fails when the condition is ever false within that time."""
    ends_at = asyncio.get_running_loop().time() + for_s
    while asyncio.get_running_loop().time() < ends_at:
        assert condition()
        await asyncio.sleep(0.01)


def payment(amount: int = 10_000, direction: str = "Debit", **attributes: Any) -> dict[str, Any]:
    """The body of a request to make an ACH payment."""
    counterparty = {
        "name": "Ada Doe",
        "routingNumber": "812345678",
        "accountNumber": "12345569",
        "accountType": "Checking",
    }
    given = {"amount": amount, "direction": direction, "description": "TOPUP", "counterparty": counterparty}
    return {
        "data": {
            "type": "achPayment",
            "attributes": {key: value for key, value in (given | attributes).items() if value is not None},
            "relationships": {"account": {"data": {"type": "depositAccount", "id": "10"}}},
        }
    }


async def pay(client: httpx2.AsyncClient, amount: int = 10_000, direction: str = "Debit", **attributes: Any) -> Any:
    """Make a payment; the created resource."""
    answer = await client.post("/unit/payments", json=payment(amount, direction, **attributes), headers=UNIT)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def payment_in(client: httpx2.AsyncClient, payment_id: str, status: str) -> Any:
    """Wait until the payment has that status; the resource then."""

    async def there() -> Any:
        data = (await client.get(f"/unit/payments/{payment_id}", headers=UNIT)).json()["data"]
        return data if data["attributes"]["status"] == status else None

    return await eventually(there)


def bitcoin_send(value: str = "0.001", address: str = RECEIVER) -> str:
    """The body of a send as it goes over the wire, the value as the digits given."""
    return (
        f'{{"fromAddress":[{{"address":"{SENDER}","signatureId":"sig-1"}}],'
        f'"to":[{{"address":"{address}","value":{value}}}],"fee":"0.00001","changeAddress":"{SENDER}"}}'
    )


async def send_bitcoin(client: httpx2.AsyncClient, value: str = "0.001") -> str:
    """Ask for a send; the id of the pending operation."""
    answer = await client.post("/tatum/v3/bitcoin/transaction", content=bitcoin_send(value), headers=TATUM)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["signatureId"])


async def dial(client: httpx2.AsyncClient, vendor: str, operation: str, fault: str, **more: Any) -> None:
    body = {"vendor": vendor, "operation": operation, "fault": fault, **more}
    answer = await client.post("/control/faults", json=body)
    assert answer.status_code == 201, answer.text


async def book(client: httpx2.AsyncClient, vendor: str) -> Any:
    return (await client.get(f"/control/{vendor}/book")).json()
