"""``wallet up``: the whole product on one machine, from the first check to the last process ended."""

import asyncio
import shlex
import signal
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from app.plumbing.embedded import CannotStart
from app.settings import Environment, Settings
from app.stack import machine, preflight
from app.stack.configured import configured
from app.stack.folder import Folder
from app.stack.preflight import Finding
from app.stack.problem import GaveUp, Problem
from app.stack.programs import Programs
from app.stack.sandbox_client import SandboxClient
from app.stack.story import Story
from app.stack.supervisor import Supervisor
from app.stack.telling import Teller

_READY_TIMEOUT_S = 60.0
_LOOK_S = 0.1
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    data: Path
    port: int
    sandbox_port: int
    once: bool
    demo: bool


def up(options: Options, teller: Teller) -> int:
    """Run the stack until it is told to stop; the exit code.

    Refuses with Problem before anything runs; GaveUp means that a program kept dying or did not become ready.
    """
    folder = Folder.at(options.data)
    facts = machine.gather(folder.root)
    _require(preflight.findings(facts))
    with folder.locked():
        for name in folder.end_leftovers():
            teller.warn(f"{name} was left running by an earlier run; ended it")
        ports = {"--port": options.port, "--sandbox-port": options.sandbox_port}
        _require([preflight.ports(machine.with_ports(facts, ports))])
        folder.turn_logs()
        return asyncio.run(_Stack(folder, configured(), options, teller).live())


def _require(found: Iterable[Finding]) -> None:
    problem = preflight.first_problem(found)
    if problem is not None:
        raise Problem(problem.sentence)


class _Stack:
    """One life of the stack."""

    def __init__(self, folder: Folder, settings: Settings, options: Options, teller: Teller) -> None:
        self._options = options
        self._teller = teller
        self._folder = folder
        self._with_sandbox = settings.env is Environment.SANDBOX
        self._supervisor = Supervisor(folder, teller.warn)
        self._programs = Programs(folder, settings, options.port, options.sandbox_port, self._restart_product)

    async def live(self) -> int:
        told_to_stop = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(each, told_to_stop.set)
        try:
            self._start()
            return await _first_of(self._supervisor.watch(), self._work(), self._interrupted(told_to_stop))
        except CannotStart as refusal:
            raise Problem(refusal.sentence) from None
        finally:
            with self._teller.waiting("Stopping"):
                self._supervisor.stop()
            self._folder.forget_addresses()
            self._teller.line("Stopped; nothing is left running.")

    def _start(self) -> None:
        servers = self._programs.servers()
        if servers:
            named = " and ".join({"mongod": "MongoDB", "valkey": "Valkey"}[name] for name in servers)
            self._teller.line(f"Embedded {named} in {self._folder.root}: for development and demonstration only")
        with self._teller.waiting("Starting the databases"):
            for name, starts in servers.items():
                self._supervisor.start(name, starts)
        self._folder.note("api.url", self._programs.api_url)
        if self._with_sandbox:
            self._folder.note("sandbox.url", self._programs.sandbox_url)
        for name, starts in self._programs.product().items():
            if name != "sandbox" or self._with_sandbox:
                self._supervisor.start(name, starts)

    def _restart_product(self) -> None:
        self._supervisor.restart("sandbox", "api", "worker")

    async def _work(self) -> int:
        with self._teller.waiting("Starting the API and the worker"):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ready("api", f"{self._programs.api_url}/health/ready"))
                if self._with_sandbox:
                    group.create_task(self._ready("sandbox", f"{self._programs.sandbox_url}/"))
        self._teller.line(f"Running: API {self._programs.api_url}, logs in {self._folder.root / 'log'}")
        told = await self._tell() if self._with_sandbox and self._options.demo else True
        if self._options.once:
            return 0 if told else 1
        await self._invite()
        await asyncio.Event().wait()
        return 0

    async def _tell(self) -> bool:
        programs = self._programs
        story = Story(programs.api_url, programs.sandbox_url, self._teller, self._folder.root / "log")
        return await story.tell(programs.verify)

    async def _ready(self, name: str, url: str) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        async with httpx2.AsyncClient(timeout=2.0, trust_env=False) as client:
            while True:
                try:
                    answer = await client.get(url)
                    if answer.status_code == 200:
                        return
                    said = f"it answers {answer.status_code}"
                except httpx2.TransportError as failure:
                    said = type(failure).__name__
                if time.monotonic() > deadline:
                    log = self._folder.log(name)
                    raise GaveUp(f"{name} was not ready within {_READY_TIMEOUT_S:.0f} s ({said}); its log is {log}.")
                await asyncio.sleep(_LOOK_S)

    async def _invite(self) -> None:
        """How to go on from here."""
        api = self._programs.api_url
        self._teller.heading("Serving until Ctrl-C")
        self._teller.line(f"Documentation   {api}/docs")
        if not self._with_sandbox:
            return
        async with SandboxClient(self._programs.sandbox_url) as sandbox:
            token = await sandbox.token("ada", role="customer")
        self._teller.line(f"Vendors         {self._programs.sandbox_url}/ (simulated)")
        more = f".venv/bin/wallet token --user ada --data {shlex.quote(str(self._options.data))}"
        self._teller.line(f"\nA customer's token, good for {token.lifetime_s / 3600:g} hours (more: {more}):")
        self._teller.line(f"export TOKEN={token.value}")
        self._teller.line(f'curl -s -H "Authorization: Bearer $TOKEN" {api}/v1/accounts')

    async def _interrupted(self, told_to_stop: asyncio.Event) -> int:
        await told_to_stop.wait()
        return _INTERRUPTED if self._options.once else 0


async def _first_of(*jobs: Coroutine[Any, Any, int]) -> int:
    """What the first to finish returns or raises; the others are cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        return next(iter(done)).result()
    except BaseExceptionGroup as failures:
        raise _first_cause(failures) from None


def _first_cause(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
