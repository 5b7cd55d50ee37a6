"""The sandbox as a process of its own, over real sockets."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from app.sandbox.config import SandboxConfig
from tests.sandbox.world import UNIT, book, dial, eventually, pay, payment, payment_in

ROOT = Path(__file__).parents[2]
SERVE = """
import json, sys
from app.sandbox.config import SandboxConfig
from app.sandbox.serve import serve
serve(SandboxConfig(**json.loads(sys.argv[1])))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def on_a_port(config: SandboxConfig) -> SandboxConfig:
    return replace(config, port=free_port(), api_url=f"http://127.0.0.1:{free_port()}")


@asynccontextmanager
async def started(config: SandboxConfig) -> AsyncIterator[tuple[httpx2.AsyncClient, subprocess.Popen[bytes]]]:
    """The sandbox in its own process, answering; killed when the block ends if it still runs."""
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it is quick
        [sys.executable, "-c", SERVE, json.dumps(asdict(config))], cwd=ROOT
    )
    try:
        async with httpx2.AsyncClient(base_url=config.base_url, trust_env=False, timeout=5) as client:
            await eventually(lambda: answers(client), deadline_s=30)
            yield client, process
    finally:
        process.kill()
        process.wait()


async def answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/")).status_code == 200
    except httpx2.TransportError:
        return False


async def send_payment(client: httpx2.AsyncClient, **attributes: Any) -> httpx2.Response:
    return await client.post("/unit/payments", json=payment(10_023, **attributes), headers=UNIT)


async def payments(client: httpx2.AsyncClient) -> int:
    return len((await book(client, "unit"))["payments"])


async def test_a_killed_sandbox_goes_on_after_a_restart(on_a_port: SandboxConfig) -> None:
    async with started(on_a_port) as (client, process):
        made = await pay(client, 10_000)
        process.send_signal(signal.SIGKILL)
        process.wait()
    async with started(on_a_port) as (client, process):
        await payment_in(client, made["id"], "Sent")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


async def test_dropped_connections_leave_what_each_fault_promises(on_a_port: SandboxConfig) -> None:
    async with started(on_a_port) as (client, _):
        await dial(client, "unit", "create_payment", "timeout_before", delay_ms=50)
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
            await send_payment(client)
        assert await payments(client) == 0

        await dial(client, "unit", "create_payment", "timeout_after")
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
            await send_payment(client)
        assert await payments(client) == 1

        await dial(client, "unit", "create_payment", "late", delay_ms=500)
        begun = monotonic()
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
            await send_payment(client)
        assert monotonic() - begun < 0.5
        assert await payments(client) == 1

        async def done_after_all() -> bool:
            return await payments(client) == 2

        await eventually(done_after_all)

        calls = (await client.get("/control/unit/calls", params={"operation": "create_payment"})).json()["items"]
        assert [(call["fault"], call["status"]) for call in calls] == [
            ("timeout_before", None),
            ("timeout_after", 201),
            ("late", 201),
        ]


async def test_it_says_what_it_is_on_one_page_that_loads_nothing(on_a_port: SandboxConfig) -> None:
    async with started(on_a_port) as (client, _):
        page = (await client.get("/")).text
        assert "POST /control/faults" in page
        assert "POST /unit/payments" in page
        assert "<script" not in page
        assert "src=" not in page


async def test_without_a_database_it_ends_with_an_error(on_a_port: SandboxConfig) -> None:
    nowhere = replace(on_a_port, mongodb_uri=f"mongodb://127.0.0.1:{free_port()}/?directConnection=true")
    process = subprocess.run(  # noqa: ASYNC221 - nothing else runs in this test
        [sys.executable, "-c", SERVE, json.dumps(asdict(nowhere))],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 3
