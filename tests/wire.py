"""A network within one process: hosts are ASGI applications, and a request can be held on its way.

A server goes on working after its client has gone away, as real ones do, and may end a connection without an answer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message

Matches = Callable[[httpx2.Request], bool]


@dataclass(slots=True)
class Held:
    """One request that stands still on the wire until it is let through."""

    matches: Matches
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Nowhere(httpx2.AsyncBaseTransport):
    """A network without hosts."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no such host", request=request)


class Wire(httpx2.AsyncBaseTransport):
    """Carries requests to the hosts in it. Its servers work in the given group."""

    def __init__(self, servers: asyncio.TaskGroup) -> None:
        self.hosts: dict[str, ASGIApp] = {}
        self._servers = servers
        self._held: list[Held] = []
        self._held_answers: list[Held] = []
        self._busy = 0
        self._idle = asyncio.Event()

    def hold(self, matches: Matches) -> Held:
        """Keep the next such request from reaching its host."""
        held = Held(matches)
        self._held.append(held)
        return held

    def hold_the_answer(self, matches: Matches) -> Held:
        """Keep the answer to the next such request from reaching its client."""
        held = Held(matches)
        self._held_answers.append(held)
        return held

    async def idle(self) -> None:
        """Wait until no server works any more."""
        while self._busy:
            self._idle.clear()
            await self._idle.wait()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host not in self.hosts:
            raise httpx2.ConnectError("no such host", request=request)
        body = await request.aread()
        await _stand_still(self._held, request)
        exchange = _Exchange(request, body)
        self._busy += 1
        self._servers.create_task(self._serve(self.hosts[request.url.host], exchange))
        try:
            await asyncio.wait([exchange.answer])
        except asyncio.CancelledError:
            exchange.answer.cancel()  # nobody is left to hear how it ends
            raise
        await _stand_still(self._held_answers, request)
        return exchange.answer.result()

    async def _serve(self, app: ASGIApp, exchange: "_Exchange") -> None:
        try:
            await app(exchange.scope, exchange.receive, exchange.send)
        except BaseException as failure:
            exchange.abort()
            if isinstance(failure, asyncio.CancelledError):
                raise
        finally:
            self._busy -= 1
            self._idle.set()


async def _stand_still(held: list[Held], request: httpx2.Request) -> None:
    for each in held:
        if not each.arrived.is_set() and each.matches(request):
            each.arrived.set()
            await each.released.wait()


class _Exchange:
    """One request and its answer."""

    def __init__(self, request: httpx2.Request, body: bytes) -> None:
        self.answer: asyncio.Future[httpx2.Response] = asyncio.get_running_loop().create_future()
        self.scope = _scope(request, self.abort)
        self._request = request
        self._body: bytes | None = body
        self._aborted = asyncio.Event()
        self._head: Message = {}
        self._content = bytearray()

    def abort(self) -> None:
        """End the connection without an answer, unless it has been given."""
        self._aborted.set()
        if not self.answer.done():
            self.answer.set_exception(httpx2.RemoteProtocolError("the server hung up", request=self._request))

    async def receive(self) -> Message:
        if self._body is None:
            await self._aborted.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        self._content += message.get("body", b"")
        if not message.get("more_body", False) and not self.answer.done():
            self.answer.set_result(
                httpx2.Response(
                    self._head["status"], headers=self._head.get("headers", []), content=bytes(self._content)
                )
            )


def _scope(request: httpx2.Request, abort: Callable[[], None]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "extensions": {"sandbox.abort": {"abort": abort}},
    }
