"""Customers as their apps are: each request has a key, and is sent again with it until there is a definite answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import httpx2

from app.stack.problem import Problem
from app.stack.sandbox_client import SandboxClient
from tests.chaos.records import Asked, Records
from tests.chaos.waiting import within

_PAUSE_S = (0.1, 0.5)
_TIMEOUT_S = 6.0
_ONE_CALL_EACH = httpx2.Limits(max_keepalive_connections=0)
"""A long storm has a thousand customers: their idle connections would use up what a process may have open."""
_VERIFIED_WITHIN_S = 60.0
_NOT_YET = {"idempotency-in-progress"}
T = TypeVar("T")


class TurnedAway(Exception):
    """Somebody who should have got in did not; says who, and at what."""


@dataclass(slots=True)
class Customer:
    """A verified customer with a linked bank, three accounts, and an address to receive Bitcoin at."""

    name: str
    http: httpx2.AsyncClient
    random: Random
    link: str = ""
    accounts: dict[str, str] = field(default_factory=dict)
    address: str = ""

    def account(self, currency: str) -> str:
        return self.accounts[currency]

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


class Crowd:
    """Everybody who has come. Once they are in, they are verified and linked, with accounts in USD, BTC and ETH."""

    def __init__(self, front_url: str, sandbox: SandboxClient, seed: str, opened: AsyncExitStack) -> None:
        self._front_url = front_url
        self._sandbox = sandbox
        self._seed = seed
        self._opened = opened
        self.people: dict[str, Customer] = {}

    async def join(self, name: str) -> Customer:
        """Somebody new, however often it takes. Raises TurnedAway when they are refused, or never verified."""
        customer = self.people[name] = await self._come(name)
        await self._settle_in(customer)
        return customer

    async def apply(self, name: str) -> str:
        """Somebody new, of whom no more than their application for verification is known; the applicant's id.

        Raises TurnedAway when they are refused.
        """
        stranger = await self._come(name)
        return str((await _granted(stranger, "/v1/kyc/sessions", {}))["applicant_id"])

    async def officer(self) -> Customer:
        """Somebody who works in compliance."""
        return await self._come("officer", role="compliance")

    async def _come(self, name: str, *, role: str = "customer") -> Customer:
        token = await _patiently(lambda: self._sandbox.token(name, role=role))
        client = httpx2.AsyncClient(
            base_url=self._front_url,
            headers={"Authorization": f"Bearer {token.value}"},
            timeout=_TIMEOUT_S,
            limits=_ONE_CALL_EACH,
            trust_env=False,
        )
        http = await self._opened.enter_async_context(client)
        return Customer(name, http, Random(f"{self._seed}/{name}"))

    async def _settle_in(self, customer: Customer) -> None:
        session = await _granted(customer, "/v1/kyc/sessions", {})
        await _patiently(lambda: self._sandbox.approve_applicant(session["applicant_id"]))
        if not await within(_VERIFIED_WITHIN_S, customer.is_verified):
            raise TurnedAway(f"{customer.name} was approved, and is not verified")
        while not customer.link:  # a public token is good for once, also where the answer is lost
            linking = {"public_token": await _patiently(self._sandbox.public_token), "account_id": "acc-checking"}
            customer.link = str((await customer.send("POST", "/v1/bank-links", linking)).json().get("id", ""))
        for currency in ("USD", "BTC", "ETH"):
            customer.accounts[currency] = (await _granted(customer, "/v1/accounts", {"currency": currency}))["id"]
        asked = {"chain": "bitcoin", "account_id": customer.account("BTC")}
        customer.address = str((await _granted(customer, "/v1/crypto/addresses", asked))["address"])


async def _granted(customer: Customer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the answer to a request that nothing speaks against says. Raises TurnedAway when it was refused."""
    answer = await customer.send("POST", path, body)
    if not answer.is_success:
        raise TurnedAway(f"{customer.name} was refused at {path}: {answer.status_code} {answer.text}")
    return dict(answer.json())


@asynccontextmanager
async def crowd(front_url: str, sandbox_url: str, seed: str) -> AsyncIterator[Crowd]:
    """Nobody yet."""
    async with AsyncExitStack() as opened:
        sandbox = await opened.enter_async_context(SandboxClient(sandbox_url))
        yield Crowd(front_url, sandbox, seed, opened)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await ask()
        except Problem:
            await asyncio.sleep(_PAUSE_S[1])
