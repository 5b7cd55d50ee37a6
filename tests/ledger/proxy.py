"""A wire between the driver and the real mongod that can be cut at a chosen command.

It understands just enough of MongoDB's wire protocol to know where a message ends and which command it carries.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import unquote, urlsplit

_HEADER_BYTES = 16
_NAME_AT = 26  # header, flags (4), section kind (1), document length (4), element type (1)


class Fate(Enum):
    """What happens to one message of the driver."""

    ARRIVES = auto()
    IS_LOST = auto()  # the wire is cut before it
    IS_CUT_OFF = auto()  # it is forwarded, and the wire is cut at once
    GOES_UNANSWERED = auto()  # the server answers, but the wire is cut before the answer


Rule = Callable[[str, bytes], Awaitable[Fate]]


async def _always_arrives(_command: str, _message: bytes) -> Fate:
    return Fate.ARRIVES


@dataclass(slots=True)
class Proxy:
    """``rule`` is asked for every message, and may take its time: the message waits for it."""

    upstream: str
    rule: Rule = _always_arrives
    uri: str = ""
    losses: int = 0
    _wires: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the driver, until either end closes it or the rule cuts it."""
        server_reader, server_writer = await self._connect()
        wires = (writer, server_writer)
        self._wires.update(wires)
        unanswered = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                answers = group.create_task(_answer(server_reader, writer, unanswered))
                await self._ask(reader, server_writer, unanswered)
                answers.cancel()
        except* OSError:
            pass
        finally:
            for wire in wires:
                wire.transport.abort()
                self._wires.discard(wire)

    def cut_all(self) -> None:
        for wire in list(self._wires):
            wire.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, unanswered: asyncio.Event) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(_HEADER_BYTES)
                message = head + await reader.readexactly(int.from_bytes(head[:4], "little") - _HEADER_BYTES)
                command = message[_NAME_AT:].split(b"\0", 1)[0].decode(errors="replace")
                fate = await self.rule(command, message)
                self.losses += fate is not Fate.ARRIVES
                if fate is Fate.IS_LOST:
                    return
                if fate is Fate.GOES_UNANSWERED:
                    unanswered.set()
                server.write(message)
                await server.drain()
                if fate is Fate.IS_CUT_OFF:
                    return

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        place = unquote(urlsplit(self.upstream).netloc)
        if place.startswith("/"):
            return await asyncio.open_unix_connection(place)
        host, _, port = place.partition(":")
        return await asyncio.open_connection(host, int(port))


async def _answer(server: asyncio.StreamReader, writer: asyncio.StreamWriter, unanswered: asyncio.Event) -> None:
    while data := await server.read(65_536):
        if unanswered.is_set():
            break
        writer.write(data)
        await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def proxied(upstream: str) -> AsyncIterator[Proxy]:
    """A proxy to that server, listening on loopback."""
    proxy = Proxy(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.uri = f"mongodb://127.0.0.1:{port}/?{urlsplit(upstream).query}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
        await server.wait_closed()
