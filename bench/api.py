"""The product's API in a process of its own, over the benchmark's servers.

Run as a module it serves with the settings of its environment, and is profiled if it is told a file to write.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.main import serve
from app.plumbing.running import run
from app.settings import child_environment, load
from bench.children import ROOT, LoadFailed
from bench.issuer import AUDIENCE
from bench.sampler import Stacks
from bench.servers import Servers

HOST = "127.0.0.1"
_READY_TIMEOUT_S = 30.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Api:
    """A running API: its port, and the processes behind it."""

    port: int
    pids: tuple[int, ...]


@contextmanager
def serving(servers: Servers, database: str, issuer_url: str, processes: int = 1, profile: str = "") -> Iterator[Api]:
    """Start the API on a free port; it answers by the time this yields, and is stopped on the way out."""
    port = free_port()
    with ExitStack() as stack:
        started = (_process(servers, database, issuer_url, port, profile) for _ in range(processes))
        yield Api(port, tuple(stack.enter_context(each) for each in started))


@contextmanager
def _process(servers: Servers, database: str, issuer_url: str, port: int, profile: str) -> Iterator[int]:
    settings = {
        "mongodb_uri": servers.mongod.url,
        "mongodb_database": database,
        "redis_url": servers.valkey.url,
        "auth_issuer": issuer_url,
        "auth_audience": AUDIENCE,
        "host": HOST,
        "port": str(port),
        "port_shared": "true",
    }
    log = servers.folder / "api.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.api", *([profile] if profile else [])],
            cwd=ROOT,
            env=child_environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with process:
        try:
            wait_until_ready(process, port, log)
            yield process.pid
        finally:
            stop(process)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the API answers there. Raises LoadFailed with what it said last."""
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(URLError, OSError), urlopen(f"http://{HOST}:{port}/health/ready", timeout=2.0) as answer:
            if answer.status == 200:
                return
        time.sleep(_LOOK_S)
    lines = log.read_text(errors="replace").strip().splitlines()
    raise LoadFailed(f"the API did not start: {lines[-1] if lines else 'it said nothing'}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, wait, then insist."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(15.0)
    process.kill()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        port: int = trial.getsockname()[1]
        return port


def main(profile: str) -> None:
    """Serve until SIGTERM."""
    stacks = Stacks()
    if profile:
        stacks.start()
    run(serve(load()))
    if profile:
        stacks.stop()
        Path(profile).write_text(stacks.told())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
