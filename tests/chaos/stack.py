"""The whole product in a folder of its own, two workers, every one of its wires ours, every process mortal."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import httpx2

from app.settings import Settings, child_environment, load, sandbox_addresses
from app.stack import processes
from app.stack.folder import Folder
from app.stack.problem import GaveUp
from app.stack.programs import Programs
from app.stack.supervisor import Supervisor
from tests.chaos.desk import at_desk
from tests.chaos.moments import Moment
from tests.chaos.orders import CHECKED_ABOVE
from tests.chaos.waiting import within
from tests.chaos.wires import Wires
from tests.stack.test_command_line import free_port

WORKERS = ("worker", "worker-2")
PRODUCT = ("api", *WORKERS)
MORTALS = ("mongod", "valkey", "sandbox", *PRODUCT)
FRONT = "front"
_PROJECT = Path(__file__).parents[2]
_SWEEP_S = 1.0
_LATEST_PACES = 5
"""How many paces after the last step of a payment a vendor may yet take it back."""
_TOPUP_LIFETIME_S = 6.0
_READY_S = 60.0


@dataclass(slots=True)
class Stack:
    """Everything that runs. ``wires`` are those of each process of the product, and those that lead to the API;
    ``died_at`` counts where they have killed one.
    """

    folder: Folder
    seed: str
    pace_s: float
    warn: Callable[[str], None]
    died_at: Counter[Moment]
    wires: dict[str, Wires] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)
    _servers: dict[str, str] = field(default_factory=dict)

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['sandbox']}"

    @property
    def front_url(self) -> str:
        """Where customers and vendors reach the API."""
        return self.wires[FRONT].addresses["http"]

    @property
    def last_words_s(self) -> float:
        """How long after everything has ended a vendor may yet take something back, and we hear of it."""
        return _LATEST_PACES * self.pace_s + _SWEEP_S

    @property
    def settings(self) -> Settings:
        """For looking into the books directly, past every wire."""
        return load(**self._servers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Stack"]:
        """Start everything, keep it running, end everything."""
        with self.folder.locked():
            self._end_leftovers()
            supervisor = Supervisor(self.folder, self.warn)
            try:
                async with AsyncExitStack() as opened:
                    await self._start(supervisor, opened)
                    group = await opened.enter_async_context(asyncio.TaskGroup())
                    watching = group.create_task(supervisor.watch())
                    opened.callback(watching.cancel)
                    await self._until_ready()
                    yield self
            finally:
                for name in MORTALS:
                    self.kill(name)  # asked to end, they would say goodbye over wires that are gone
                supervisor.stop()
                self.folder.forget_addresses()

    def pid(self, name: str) -> int:
        return int(self.folder.noted(f"{name}.pid"))

    def kill(self, name: str) -> None:
        """End a process as a power cut would; it is started again at once."""
        self._signal(name, signal.SIGKILL)
        if name in self.wires:
            self.wires[name].silent = True

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def thaw_all(self) -> None:
        for name in MORTALS:
            self.thaw(name)

    def set_loss(self, share: float) -> None:
        for wires in self.wires.values():
            wires.loss = share

    async def control(self, method: str, path: str, body: dict[str, object] | None = None) -> bool:
        """Turn a dial of the sandbox; False when it is not there to be turned."""
        return await at_desk(self.sandbox_url, method, path, body) is not None

    def _signal(self, name: str, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, ValueError):
            os.kill(self.pid(name), number)

    def _end_leftovers(self) -> None:
        self.folder.end_leftovers()
        for name in WORKERS:
            processes.end_leftover(self.folder.pid_file(name), str(self.folder.root))
        self.folder.turn_logs()

    async def _start(self, supervisor: Supervisor, opened: AsyncExitStack) -> None:
        self._ports = {name: free_port() for name in ("api", "sandbox")}
        programs = Programs(self.folder, load(), self._ports["api"], self._ports["sandbox"], lambda: None)
        for name, starts in programs.servers().items():
            supervisor.start(name, starts)
        self._servers = dict(programs.urls)
        upstreams = {"mongod": programs.urls["mongodb_uri"], "valkey": programs.urls["redis_url"]}
        for name in PRODUCT:
            await self._wire(opened, name, {**upstreams, "http": self.sandbox_url})
        await self._wire(opened, FRONT, {"http": programs.api_url})
        supervisor.start("sandbox", self._sandbox)
        for name in PRODUCT:
            supervisor.start(name, self._program(name))

    async def _wire(self, opened: AsyncExitStack, name: str, upstreams: dict[str, str]) -> None:
        wires = Wires(name, Random(f"{self.seed}/wires/{name}"), lambda: self.kill(name), self.died_at)
        self.wires[name] = await opened.enter_async_context(wires.opened(upstreams))

    def _sandbox(self) -> subprocess.Popen[bytes]:
        told = ("--port", str(self._ports["sandbox"]), "--api-url", self.front_url, "--pace", str(self.pace_s))
        return self._spawn("sandbox", self._servers, "sandbox", *told)

    def _program(self, name: str) -> Callable[[], subprocess.Popen[bytes]]:
        addresses = self.wires[name].addresses
        told = {
            **sandbox_addresses(addresses["http"]),
            "auth_issuer": f"{self.sandbox_url}/auth0/",
            "mongodb_uri": addresses["mongod"],
            "redis_url": addresses["valkey"],
            "port": str(self._ports["api"]),
            "sweep_s": str(_SWEEP_S),
            "address_sweep_s": str(_SWEEP_S),
            "card_topup_lifetime_s": str(_TOPUP_LIFETIME_S),
            "screening_above": CHECKED_ABOVE,
        }
        return lambda: self._spawn(name, told, name.partition("-")[0])

    def _spawn(self, name: str, told: dict[str, str], *command: str) -> subprocess.Popen[bytes]:
        with self.folder.log(name).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "app.cli", command[0], "--data", str(self.folder.root), *command[1:]],
                cwd=_PROJECT,
                env=child_environment(told),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def _until_ready(self) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as client:
            for url in (f"{self.sandbox_url}/", f"{self.front_url}/health/ready"):
                if not await within(_READY_S, partial(_answers, client, url)):
                    raise GaveUp(f"Nothing answers at {url}; the logs are in {self.folder.root / 'log'}.")


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx2.TransportError:
        return False
