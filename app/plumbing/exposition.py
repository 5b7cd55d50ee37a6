"""Measures on a port of their own, as Prometheus asks for them: ``GET /metrics``, and nothing else.

It is served from the process's own loop, so what is shown may be gathered from its own connections: ``refresh`` runs
before an answer, at most once in a while and never twice at a time, and a failing one leaves the older figures.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

_HEAD_BYTES_MAX = 8_192
_PATIENCE_S = 5.0
_FRESH_S = 5.0

log = structlog.get_logger()


@asynccontextmanager
async def exposed(
    registry: CollectorRegistry, host: str, port: int, refresh: Callable[[], Awaitable[None]]
) -> AsyncIterator[int]:
    """Serve the registry there while inside; yields the port, which is a free one where 0 was asked for."""
    exposition = _Exposition(registry, refresh)
    server = await asyncio.start_server(exposition.answer, host, port, limit=_HEAD_BYTES_MAX)
    async with server:
        yield server.sockets[0].getsockname()[1]


class _Exposition:
    def __init__(self, registry: CollectorRegistry, refresh: Callable[[], Awaitable[None]]) -> None:
        self._registry = registry
        self._refresh = refresh
        self._refreshing = asyncio.Lock()
        self._fresh_until_s = 0.0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the line is closed."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._response(head))
            async with asyncio.timeout(_PATIENCE_S):
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever asked has gone, or never asked
        finally:
            writer.close()

    async def _response(self, head: bytes) -> bytes:
        method, path, *_ = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""]
        if path.partition(b"?")[0] != b"/metrics":
            return _http("404 Not Found", "text/plain", b"GET /metrics\n")
        if method != b"GET":
            return _http("405 Method Not Allowed", "text/plain", b"GET /metrics\n")
        await self._freshen()
        return _http("200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry))

    async def _freshen(self) -> None:
        async with self._refreshing:
            now_s = asyncio.get_running_loop().time()
            if now_s < self._fresh_until_s:
                return
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._refresh()
            except Exception as error:  # noqa: BLE001 - whatever fails, older figures are better than none
                log.warning("measures-not-gathered", reason=type(error).__name__)
            self._fresh_until_s = now_s + _FRESH_S


def _http(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
