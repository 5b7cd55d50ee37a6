"""The whole product as separate processes, and a customer who uses it over HTTP while its processes are killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from app.stack.folder import Folder
from app.stack.sandbox_client import SandboxClient
from tests.stack.test_command_line import free_port

PROJECT = Path(__file__).parents[2]
ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
T = TypeVar("T")
ENDED = {"completed", "compensated", "parked"}


async def until(ask: Callable[[], Awaitable[T]], fits: Callable[[T], bool], timeout_s: float = 60.0) -> T:
    """Ask until the answer fits."""
    deadline = time.monotonic() + timeout_s
    while not fits(answer := await ask()):
        assert time.monotonic() < deadline, f"still {answer}"
        await asyncio.sleep(0.05)
    return answer


@dataclass(frozen=True, slots=True)
class Customer:
    """A verified customer with a linked bank."""

    http: httpx2.AsyncClient
    bank_link_id: str

    async def get(self, path: str) -> dict[str, Any]:
        """What the API says, however often it has to be asked while it is being killed."""

        async def ask() -> httpx2.Response | None:
            try:
                return await self.http.get(path)
            except httpx2.TransportError:
                return None

        answer = await until(ask, lambda given: given is not None and given.status_code < 500)
        assert answer is not None
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def post(self, path: str, body: dict[str, Any], key: str) -> httpx2.Response:
        """The answer to one request with one key, sent again until it has an answer that is not "later"."""

        async def ask() -> httpx2.Response | None:
            try:
                return await self.http.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx2.TransportError:
                return None

        answer = await until(ask, lambda given: given is not None and "retry-after" not in given.headers)
        assert answer is not None
        return answer

    async def order(self) -> dict[str, Any]:
        """The body of a purchase of 100.00 USD of BTC, paid by the bank, delivered on chain."""
        asked = {"side": "buy", "base": "BTC", "quote_currency": "USD", "amount": "100.00", "chain": "bitcoin"}
        quote = await self.post("/v1/quotes", asked, key="unused")
        assert quote.status_code == 201, quote.text
        return {
            "quote_id": quote.json()["id"],
            "funding": {"type": "bank", "bank_link_id": self.bank_link_id},
            "destination": {"type": "address", "chain": "bitcoin", "address": ADDRESS},
        }

    async def buy(self, key: str) -> dict[str, Any]:
        """A purchase, accepted."""
        accepted = await self.post("/v1/purchases", await self.order(), key)
        assert accepted.status_code == 202, accepted.text
        return dict(accepted.json())

    async def end_of(self, purchase: dict[str, Any], timeout_s: float = 60.0) -> str:
        """How the purchase ended."""
        path = f"/v1/sagas/{purchase['saga_id']}"
        await until(lambda: self.get(path), lambda saga: saga["status"] in ENDED, timeout_s)
        return str((await self.get(f"/v1/purchases/{purchase['id']}"))["status"])

    async def until_happens(self, purchase: dict[str, Any], what: str) -> None:
        """Wait until a sentence of the purchase's story begins so."""
        path = f"/v1/sagas/{purchase['saga_id']}/story"
        await until(
            lambda: self.get(path), lambda told: any(each["sentence"].startswith(what) for each in told["story"])
        )


class Stack:
    """Every process of the product, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder.at(root / "data")
        self.port, self.sandbox_port = free_port(), free_port()
        self._printed = root / "printed"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    async def start(self) -> None:
        ports = ("--port", str(self.port), "--sandbox-port", str(self.sandbox_port))
        command = [sys.executable, "-m", "app.cli", "up", "--no-demo", "--data", str(self.folder.root), *ports]
        self._process = _spawn(command, self._printed)

        async def said() -> str:
            assert self._process is not None
            assert self._process.poll() is None, self._printed.read_text()
            return self._printed.read_text()

        await until(said, lambda text: "curl -s" in text)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def kill(self, *names: str) -> None:
        """End processes as a power cut would; the supervisor starts them again."""
        for name in names:
            os.kill(int(self.folder.noted(f"{name}.pid")), signal.SIGKILL)

    async def verify(self) -> str:
        """What ``wallet verify`` prints."""
        command = (sys.executable, "-m", "app.cli", "verify", "--data", str(self.folder.root))
        process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        return said.decode().strip()

    async def control(self, path: str, body: dict[str, Any]) -> None:
        async with httpx2.AsyncClient(base_url=self.sandbox_url, trust_env=False) as sandbox:
            (await sandbox.post(f"/control/{path}", json=body)).raise_for_status()

    async def book(self, vendor: str, kind: str) -> list[dict[str, Any]]:
        async with httpx2.AsyncClient(base_url=self.sandbox_url, trust_env=False) as sandbox:
            return list((await sandbox.get(f"/control/{vendor}/book")).json()[kind])

    @asynccontextmanager
    async def customer(self, name: str) -> AsyncIterator[Customer]:
        async with AsyncExitStack() as opened:
            sandbox = await opened.enter_async_context(SandboxClient(self.sandbox_url))
            token = (await sandbox.token(name, role="customer")).value
            headers = {"Authorization": f"Bearer {token}"}
            client = httpx2.AsyncClient(base_url=self.api_url, headers=headers, timeout=15.0, trust_env=False)
            http = await opened.enter_async_context(client)
            applicant = (await http.post("/v1/kyc/sessions", json={})).json()["applicant_id"]
            await sandbox.approve_applicant(applicant)
            new = Customer(http, "")
            await until(lambda: new.get("/v1/me"), lambda me: me["compliance_level"] == "verified")
            linking = {"public_token": await sandbox.public_token(), "account_id": "acc-checking"}
            link = await http.post("/v1/bank-links", json=linking)
            yield Customer(http, link.json()["id"])


def _spawn(command: list[str], printed: Path) -> subprocess.Popen[bytes]:
    with printed.open("wb") as output:
        return subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)
