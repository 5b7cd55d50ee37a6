"""Three mongods on loopback that elect their primary, and whom a test may kill, freeze and wake."""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from app.plumbing import embedded
from tests.conftest import _FOLDER, _roomy_folder
from tests.ledger.given import until

_NAME = "rs0"
_PORTS = range(20_000, 30_000)
"""Below those that the system hands out by itself, so that a member that comes back finds its own still free."""

_ELECTION_MS = 1_000
_HEARTBEAT_MS = 200
_FOLLOW_S = 1
"""How soon a member looks for another to follow when the one that it follows is silent; nothing that the old primary
cannot confirm is the majority's before that. The server's own choice is 5."""

_UP_S = 30.0
_CACHE_GB = 0.25
_HISTORY_S = 300


@dataclass(slots=True)
class Member:
    """One mongod: its place in the set, and the process that runs it at present."""

    folder: Path
    port: int
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        return f"mongodb://{self.address}/?directConnection=true"

    def start(self) -> None:
        data = self.folder / str(self.port)
        embedded._make_private(data)
        command = [
            str(embedded.mongod_binary()),
            "--dbpath",
            str(data),
            *embedded._mongod_options(_CACHE_GB, _HISTORY_S),
        ]
        follow = ("--setParameter", f"oplogNetworkTimeoutBufferSeconds={_FOLLOW_S}")
        listen = ("--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket")
        process = embedded._spawn([*command, *follow, *listen], self.folder / f"{self.port}.log")
        self._running.append(process)
        (self.folder / f"{self.port}.pid").write_text(str(process.pid))

    def kill(self) -> None:
        """As a power cut does, or an operator without patience; a frozen one too."""
        while self._running:
            process = self._running.pop()
            process.kill()
            process.wait()

    def freeze(self) -> None:
        self._running[-1].send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._running[-1].send_signal(signal.SIGCONT)

    async def hello(self) -> dict[str, Any]:
        """What it says of itself; nothing while it does not answer."""
        with suppress(PyMongoError):
            return await self.ask("admin", "hello")
        return {}

    async def is_ahead(self) -> bool:
        """Whether it has written what no majority has yet."""
        written = (await self.hello()).get("lastWrite")
        return written is not None and bool(written["opTime"]["ts"] > written["majorityOpTime"]["ts"])

    async def ask(self, database: str, *command: Any) -> dict[str, Any]:
        """Its own answer, not the primary's."""
        return await asyncio.to_thread(self._ask, database, *command)

    def _ask(self, database: str, *command: Any) -> dict[str, Any]:
        client: MongoClient[dict[str, Any]] = MongoClient(
            self.uri, serverSelectionTimeoutMS=500, connectTimeoutMS=500, socketTimeoutMS=5_000
        )
        with client:
            return client.get_database(database).command(*command)


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """Its members by the order in which they were named."""

    members: tuple[Member, ...]

    @property
    def uri(self) -> str:
        """Looks often at its members: one that is frozen answers nothing, and is found out by that alone."""
        seeds = ",".join(member.address for member in self.members)
        return f"mongodb://{seeds}/?replicaSet={_NAME}&heartbeatFrequencyMS=500"

    async def start(self) -> None:
        for member in self.members:
            member.start()
        for member in self.members:
            await until(member.hello, _UP_S)
        named = [{"_id": number, "host": member.address} for number, member in enumerate(self.members)]
        pace = {"electionTimeoutMillis": _ELECTION_MS, "heartbeatIntervalMillis": _HEARTBEAT_MS}
        await self.members[0].ask("admin", "replSetInitiate", {"_id": _NAME, "members": named, "settings": pace})
        await self.gather()

    async def gather(self) -> None:
        """Until one member is the primary and all others follow it."""

        async def together() -> bool:
            states = [await member.hello() for member in self.members]
            primaries = [state for state in states if state.get("isWritablePrimary")]
            followers = [state for state in states if state.get("secondary")]
            return len(primaries) == 1 and len(followers) == len(self.members) - 1

        await until(together, _UP_S)

    async def primary(self) -> Member:
        """Who takes writes at present, or soon."""
        async with asyncio.timeout(_UP_S):
            while True:
                for member in self.members:
                    if (await member.hello()).get("isWritablePrimary"):
                        return member

    def others(self, old: Member) -> list[Member]:
        return [member for member in self.members if member is not old]

    async def others_elect(self, old: Member) -> None:
        """Until the others have a primary of their own."""

        async def elected() -> bool:
            states = [await member.hello() for member in self.others(old)]
            return any(state.get("isWritablePrimary") for state in states)

        await until(elected, _UP_S)

    async def agree_on(self, database: str) -> None:
        """Until every member holds the same documents, byte for byte: what one alone has kept would stand out."""

        async def alike() -> bool:
            with suppress(PyMongoError):
                hashes = [await member.ask(database, "dbHash") for member in self.members]
                return len({each["md5"] for each in hashes}) == 1
            return False

        await until(alike, _UP_S)


@asynccontextmanager
async def replica_set(random: Random) -> AsyncIterator[ReplicaSet]:
    """A set of three, with a primary; whatever happens to it, nothing of it is left."""
    with _folder() as folder:
        members = tuple(Member(folder, port) for port in _free_ports(random, 3))
        try:
            formed = ReplicaSet(members)
            await formed.start()
            yield formed
        finally:
            for member in members:
                await asyncio.to_thread(member.kill)


@contextmanager
def _folder() -> Iterator[Path]:
    """Named so that a later run ends what a killed one leaves in it."""
    made = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_roomy_folder()))
    try:
        yield made
    finally:
        rmtree(made)


def _free_ports(random: Random, count: int) -> list[int]:
    free: list[int] = []
    while len(free) < count:
        port = random.choice(_PORTS)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            if port not in free:
                free.append(port)
    return free
