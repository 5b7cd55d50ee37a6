"""The programs of a stack, and how each is started."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.plumbing import embedded
from app.settings import Settings, child_environment, sandbox_addresses
from app.stack.folder import Folder
from app.stack.supervisor import Starts

_PROJECT = Path(__file__).parents[2]


@dataclass(slots=True)
class Programs:
    """What runs in a folder, on which ports. The servers' addresses are known once they have started."""

    folder: Folder
    settings: Settings
    port: int
    sandbox_port: int
    moved: Callable[[], None]
    """Called when a restarted server listens elsewhere than before."""
    urls: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, given in (("mongodb_uri", self.settings.mongodb_uri), ("redis_url", self.settings.redis_url)):
            if given.get_secret_value():
                self.urls[name] = given.get_secret_value()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def servers(self) -> Mapping[str, Starts]:
        """The databases that have to be started here."""
        absent = {"mongod": "mongodb_uri", "valkey": "redis_url"}
        starts: dict[str, Starts] = {"mongod": self._mongod, "valkey": self._valkey}
        return {name: starts[name] for name, setting in absent.items() if setting not in self.urls}

    def product(self) -> Mapping[str, Starts]:
        """The product's own processes, those that others call first."""
        sandbox = ("--port", str(self.sandbox_port), "--api-url", self.api_url)
        return {
            "sandbox": lambda: self._wallet("sandbox", *sandbox),
            "api": lambda: self._wallet("api", *self._metrics_port(0)),
            "worker": lambda: self._wallet("worker", *self._metrics_port(1)),
        }

    def _metrics_port(self, number: int) -> tuple[str, ...]:
        """The processes of one machine answer on a port each, from the configured one on."""
        first = self.settings.metrics_port
        return ("--metrics-port", str(first + number)) if first else ()

    def environment(self) -> dict[str, str]:
        """What the product's processes are told; an address that the user set stays as it is."""
        told = {
            name: address
            for name, address in sandbox_addresses(self.sandbox_url).items()
            if name not in self.settings.model_fields_set
        }
        return child_environment({**told, **self.urls, "port": str(self.port), "host": "127.0.0.1"})

    def _mongod(self) -> subprocess.Popen[bytes]:
        data, log = self.folder.root / "mongodb", self.folder.log("mongod")
        return self._listening("mongodb_uri", "mongodb.uri", embedded.start_mongod(data, self.folder.run, log))

    def _valkey(self) -> subprocess.Popen[bytes]:
        data, log = self.folder.root / "valkey", self.folder.log("valkey")
        return self._listening("redis_url", "redis.url", embedded.start_valkey(data, self.folder.run, log))

    def _listening(self, setting: str, note: str, server: embedded.Server) -> subprocess.Popen[bytes]:
        before = self.urls.get(setting)
        self.urls[setting] = server.url
        self.folder.note(note, server.url)
        if before not in {None, server.url}:
            self.moved()
        return server.process

    async def verify(self, timeout_s: float) -> tuple[int, str]:
        """Run ``wallet verify`` on the stack: its exit code and what it said. Raises TimeoutError."""
        process = await asyncio.create_subprocess_exec(
            *self._command("verify"),
            cwd=_PROJECT,
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(timeout_s):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, said.decode().strip()

    def _command(self, command: str, *arguments: str) -> list[str]:
        # The folder is on the command line so that a later run recognises what this one left behind.
        return [sys.executable, "-m", "app.cli", command, "--data", str(self.folder.root), *arguments]

    def _wallet(self, command: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self.folder.log(command).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - this very program
                self._command(command, *arguments),
                cwd=_PROJECT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
