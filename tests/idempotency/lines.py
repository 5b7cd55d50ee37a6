"""The line to Valkey, where one command of one kind meets with a fate, and where it leads to can change."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.plumbing.embedded import Server
from tests.ledger.proxy import Fate, Proxy

Befalls = Callable[[], Awaitable[Fate]]
"""What happens to a command, asked for when it comes."""


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The next command of a client, in the protocol's arrays of strings."""
    message = await reader.readuntil(b"\r\n")
    words = []
    for _ in range(int(message[1:])):
        head = await reader.readuntil(b"\r\n")
        word = await reader.readexactly(int(head[1:]) + 2)
        words.append(word)
        message += head + word
    return words[0][:-2].decode(), message


class Line:
    """A line on which everything arrives, but for what is told otherwise."""

    def __init__(self, server: Server) -> None:
        self.url = ""
        self.proxy = Proxy(server.url, self._rule, read_request)
        self._befalls: dict[str, Befalls] = {}

    def next(self, command: str, befalls: Befalls) -> None:
        """Let that happen to the next such command about an idempotency key."""
        self._befalls[command] = befalls

    def leads_to(self, server: Server, *, cut: bool = True) -> None:
        """Lead whoever connects from now on to that server; connections are cut, or stay where they are."""
        self.proxy.upstream = server.url
        if cut:
            self.proxy.cut_all()

    async def _rule(self, command: str, message: bytes) -> Fate:
        if b"idem:" not in message or command not in self._befalls:
            return Fate.ARRIVES
        return await self._befalls.pop(command)()


@asynccontextmanager
async def opened(line: Line) -> AsyncIterator[Line]:
    """The line, on loopback."""
    server = await asyncio.start_server(line.proxy.serve, "127.0.0.1", 0)
    line.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        await line.proxy.end()
        await server.wait_closed()
