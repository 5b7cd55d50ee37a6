"""The head of a request is bounded in bytes and in time; everything else is served as ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from app.plumbing.bounded_head import HEAD_BYTES_MAX, BoundedHead


class Impatient(BoundedHead):
    head_s_max = 0.2


async def hello(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(hello, http=Impatient, lifespan="off", log_level="critical", timeout_keep_alive=5)
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True


def request(body: bytes = b"", headers: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: wallet.test\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), headers, body)


async def test_requests_follow_each_other_on_one_connection_however_long_their_bodies(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in (b"one", b"x" * (4 * HEAD_BYTES_MAX), b"three"):
        writer.write(request(body))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len(body)) == body
    writer.close()


async def test_a_head_that_is_too_long_is_refused_and_the_connection_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: wallet.test\r\n")
    try:
        for number in range(64):
            writer.write(b"X-Header-%d: %s\r\n" % (number, b"x" * 4_096))
            await writer.drain()
        answer = await reader.read()
    except ConnectionError:
        return
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: wal"], ids=["nothing", "half a head"])
async def test_a_head_that_takes_too_long_ends_the_connection(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):  # what it had not read yet is thrown away
            assert await reader.read() == b""
    writer.close()


async def test_a_slow_body_is_not_a_slow_head(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(b"slow")[:-4])
    await asyncio.sleep(0.5)  # longer than a head may take: the very thing that is tested
    writer.write(b"slow")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
