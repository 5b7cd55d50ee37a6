"""Customers as their apps are: each request has a key, and is sent again with it until there is a definite answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2

from app.stack.sandbox_client import SandboxClient
from tests.chaos.records import Asked, Records
from tests.chaos.waiting import within

_PAUSE_S = (0.1, 0.5)
_TIMEOUT_S = 6.0
_VERIFIED_WITHIN_S = 30.0
_NOT_YET = {"idempotency-in-progress"}


@dataclass(slots=True)
class Customer:
    """A verified customer with a linked bank and two accounts."""

    name: str
    http: httpx2.AsyncClient
    random: Random
    link: str = ""
    accounts: dict[str, str] | None = None

    def account(self, currency: str) -> str:
        return (self.accounts or {})[currency]

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> httpx2.Response:
        """The first definite answer to a request; what says "later", or does not arrive, is asked for again."""
        headers = {"Idempotency-Key": key} if key else None
        while True:
            try:
                answer = await self.http.request(method, path, json=body, headers=headers)
            except httpx2.TransportError:
                answer = None
            if answer is not None and _is_definite(answer):
                return answer
            await asyncio.sleep(self.random.uniform(*_PAUSE_S))

    async def is_verified(self) -> bool:
        return bool((await self.send("GET", "/v1/me")).json()["compliance_level"] == "verified")

    async def ask(self, records: Records, path: str, body: dict[str, Any], key: str) -> Asked:
        """Ask for something, and keep record of it."""
        asked = Asked(self.name, path, body, key)
        records.made(asked)
        answer = await self.send("POST", path, body, key)
        records.answered(asked, answer.status_code, dict(answer.json()))
        return asked


def _is_definite(answer: httpx2.Response) -> bool:
    if answer.status_code >= 500 or answer.status_code == 429:
        return False
    return not (answer.status_code == 409 and answer.json().get("code") in _NOT_YET)


@asynccontextmanager
async def customers(front_url: str, sandbox_url: str, seed: str, count: int) -> AsyncIterator[list[Customer]]:
    """So many customers, verified and linked, each with an account in USD and one in BTC."""
    async with AsyncExitStack() as opened:
        sandbox = await opened.enter_async_context(SandboxClient(sandbox_url))
        found = []
        for number in range(count):
            name = f"customer-{number}"
            token = (await sandbox.token(name, role="customer")).value
            client = httpx2.AsyncClient(
                base_url=front_url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT_S,
                trust_env=False,
            )
            http = await opened.enter_async_context(client)
            found.append(Customer(name, http, Random(f"{seed}/{name}")))
        await asyncio.gather(*(_settle_in(customer, sandbox) for customer in found))
        yield found


async def _settle_in(customer: Customer, sandbox: SandboxClient) -> None:
    session = (await customer.send("POST", "/v1/kyc/sessions", {})).json()
    await sandbox.approve_applicant(session["applicant_id"])
    await within(_VERIFIED_WITHIN_S, customer.is_verified)
    linking = {"public_token": await sandbox.public_token(), "account_id": "acc-checking"}
    customer.link = (await customer.send("POST", "/v1/bank-links", linking)).json()["id"]
    opened = {}
    for currency in ("USD", "BTC"):
        opened[currency] = (await customer.send("POST", "/v1/accounts", {"currency": currency})).json()["id"]
    customer.accounts = opened
