"""API, worker and sandbox as processes of their own over the benchmark's servers."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app.settings import child_environment, sandbox_addresses
from bench.api import HOST, free_port, stop, wait_until_ready
from bench.children import ROOT
from bench.issuer import AUDIENCE
from bench.servers import Servers

_TIMINGS = {"provider_timeout_s": "10", "quiet_period_s": "15", "lease_s": "30", "poll_s": "5"}
"""What is to be seen is how much is done on a full machine, not what becomes of calls that give up after a second, nor
of sagas that have webhooks to wait for and look every half second all the same.
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where it is reached, and its processes by name."""

    api_url: str
    sandbox_url: str
    pids: Mapping[str, int]


@contextmanager
def stacked(servers: Servers, database: str, issuer_url: str) -> Iterator[Stack]:
    """Start all three; vendors settle as soon as they can. All are stopped on the way out."""
    ports = {name: free_port() for name in ("api", "sandbox")}
    api_url, sandbox_url = (f"http://{HOST}:{ports[name]}" for name in ("api", "sandbox"))
    settings = {
        **sandbox_addresses(sandbox_url),
        **_TIMINGS,
        "mongodb_uri": servers.mongod.url,
        "mongodb_database": database,
        "redis_url": servers.valkey.url,
        "auth_issuer": issuer_url,
        "auth_audience": AUDIENCE,
        "host": HOST,
        "port": str(ports["api"]),
    }
    vendors = ("--port", str(ports["sandbox"]), "--api-url", api_url, "--pace", "0")
    with ExitStack() as running:
        started = {
            name: running.enter_context(_program(servers, settings, name, *given))
            for name, given in (("sandbox", vendors), ("api", ()), ("worker", ()))
        }
        wait_until_ready(started["api"], ports["api"], servers.folder / "api.log")
        pids = {name: process.pid for name, process in started.items()}
        yield Stack(api_url, sandbox_url, {**pids, "mongod": servers.mongod.pid, "valkey": servers.valkey.pid})


@contextmanager
def _program(
    servers: Servers, settings: Mapping[str, str], name: str, *given: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (servers.folder / f"{name}.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", name, "--data", str(servers.folder), *given],
            cwd=ROOT,
            env=child_environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            stop(process)
