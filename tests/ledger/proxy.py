"""A wire between a client and a real server that can be cut at a chosen message.

Of MongoDB's wire protocol it understands just enough to know where a message ends and which command it carries; other
protocols bring their own ``read``.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import unquote, urlsplit

_HEADER_BYTES = 16
_LOOK_S = 0.01
_NAME_AT = 26  # header, flags (4), section kind (1), document length (4), element type (1)


class Fate(Enum):
    """What happens to one message of the driver."""

    ARRIVES = auto()
    IS_LOST = auto()  # the wire is cut before it
    IS_CUT_OFF = auto()  # it is forwarded, and the wire is cut at once
    GOES_UNANSWERED = auto()  # the server answers, but the wire is cut before the answer


Rule = Callable[[str, bytes], Awaitable[Fate]]
Read = Callable[[asyncio.StreamReader], Awaitable[tuple[str, bytes]]]
"""The next message of a client and what it is called. Raises IncompleteReadError when there is none."""


async def _always_arrives(_command: str, _message: bytes) -> Fate:
    return Fate.ARRIVES


async def read_command(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The next message to a mongod, and its command."""
    head = await reader.readexactly(_HEADER_BYTES)
    message = head + await reader.readexactly(int.from_bytes(head[:4], "little") - _HEADER_BYTES)
    return message[_NAME_AT:].split(b"\0", 1)[0].decode(errors="replace"), message


def _untold(_message: bytes) -> None:
    """Nobody asked to be told."""


@dataclass(slots=True)
class Proxy:
    """``rule`` is asked for every message, and may take its time: the message waits for it.

    ``withheld`` is told a message that goes unanswered, once the server has answered it.
    """

    upstream: str
    rule: Rule = _always_arrives
    read: Read = read_command
    withheld: Callable[[bytes], None] = _untold
    uri: str = ""
    losses: int = 0
    _wires: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the driver, until either end closes it or the rule cuts it."""
        try:
            server_reader, server_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        wires = (writer, server_writer)
        self._wires.update(wires)
        unanswered: list[bytes] = []
        try:
            async with asyncio.TaskGroup() as group:
                answers = group.create_task(self._answer(server_reader, writer, unanswered))
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

    async def end(self) -> None:
        """Cut everything, also what is just being connected, and wait until every wire has come loose."""
        while self._wires:
            self.cut_all()
            await asyncio.sleep(_LOOK_S)

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, unanswered: list[bytes]) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                name, message = await self.read(reader)
                fate = await self.rule(name, message)
                self.losses += fate is not Fate.ARRIVES
                if fate is Fate.IS_LOST:
                    return
                if fate is Fate.GOES_UNANSWERED:
                    unanswered.append(message)
                server.write(message)
                await server.drain()
                if fate is Fate.IS_CUT_OFF:
                    return

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(self.upstream)
        place = unquote(address.netloc.rpartition("@")[2] or address.path)
        if place.startswith("/"):
            return await asyncio.open_unix_connection(place)
        host, _, port = place.partition(":")
        return await asyncio.open_connection(host, int(port))

    async def _answer(
        self, server: asyncio.StreamReader, writer: asyncio.StreamWriter, unanswered: list[bytes]
    ) -> None:
        while data := await server.read(65_536):
            if unanswered:
                self.withheld(unanswered[0])
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
        await proxy.end()
        await server.wait_closed()
