"""The shipped reverse proxy, for real, in front of two processes: what it lets through, and what it keeps out."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

CADDYFILE = Path(__file__).parents[2] / "deploy" / "Caddyfile"
CADDY = Path(sys.executable).parent / "caddy"
PATIENCE_S = 10.0


class Upstream:
    """A process of the API as the proxy sees it: it tells its name, and where a request came from."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.server = uvicorn.Server(
            uvicorn.Config(self._answer, interface="asgi3", lifespan="off", log_level="critical")
        )

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            continue
        told = [(b"x-name", self.name.encode()), (b"x-from", (scope["client"] or ("",))[0].encode())]
        await send({"type": "http.response.start", "status": 200, "headers": [*told, (b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[str]:
    upstreams = [Upstream("left"), Upstream("right")]
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        "HOME": str(tmp_path),
        "WALLET_SITE": f"http://{address}",
        "WALLET_UPSTREAMS": " ".join(each.address for each in upstreams),
        "WALLET_PROXY_HEAD_TIMEOUT": "500ms",
    }
    async with asyncio.TaskGroup() as group:
        for each in upstreams:
            group.create_task(each.server.serve(sockets=[each.listening]))
        with (tmp_path / "proxy.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                CADDY, "run", "--config", CADDYFILE, "--adapter", "caddyfile", env=environment, stdout=log, stderr=log
            )
        try:
            await _until_it_answers(address)
            yield address
        finally:
            process.terminate()
            await process.wait()
            for each in upstreams:
                each.server.should_exit = True
    for each in upstreams:
        each.listening.close()


async def _until_it_answers(address: str) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient(base_url=f"http://{address}") as client:
        while True:
            with suppress(httpx2.TransportError):
                if (await client.get("/")).status_code == 200:
                    return
            await asyncio.sleep(0.02)


async def test_a_caller_stays_at_one_process(proxy: str) -> None:
    names: dict[str, set[str]] = {}
    async with httpx2.AsyncClient(base_url=f"http://{proxy}") as client:
        for round_number in range(40):
            caller = f"Bearer caller-{round_number % 10}"
            answer = await client.get("/v1/me", headers={"Authorization": caller})
            names.setdefault(caller, set()).add(answer.headers["x-name"])
    assert all(len(where) == 1 for where in names.values())
    assert len(set().union(*names.values())) == 2


async def test_the_api_learns_where_a_request_comes_from_and_nobody_can_make_it_up(proxy: str) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{proxy}") as client:
        answer = await client.get("/v1/me", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.headers["x-from"] == "127.0.0.1"


async def test_a_body_above_the_largest_is_not_passed_on(proxy: str) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{proxy}") as client:
        assert (await client.post("/v1/transfers", content=b"x" * 900_000)).status_code == 200
        assert (await client.post("/v1/transfers", content=b"x" * 1_100_000)).status_code == 413


async def test_headers_above_the_largest_are_refused(proxy: str) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{proxy}") as client:
        assert (await client.get("/v1/me", headers={"X-Much": "x" * 40_000})).status_code == 431


async def test_a_head_that_dribbles_in_is_cut_off(proxy: str) -> None:
    host, _, port = proxy.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/me HTTP/1.1\r\nHost: wallet.test\r\nX-Slow: ")
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    assert not answer.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_what_may_be_signed_is_asked_from_inside_only(proxy: str) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{proxy}") as client:
        assert (await client.get("/webhooks/tatum/kms/26d3883e")).status_code == 404
        assert (await client.post("/webhooks/tatum", content=b"{}")).status_code == 200
