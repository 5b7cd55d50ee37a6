"""The wires of one process of the product, and what goes wrong on them.

Everything that it says to MongoDB, Valkey and the vendors passes here. So it can be killed at a named moment without
its knowledge: before a commit or a call leaves, or once it was answered and before the answer arrives.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from tests.chaos.moments import AFTER, BEFORE, Moment, Transactions, read_chunk, read_request
from tests.ledger.proxy import Fate, Proxy, Read, Rule, read_command

_LOSSES = (Fate.IS_LOST, Fate.IS_CUT_OFF, Fate.GOES_UNANSWERED)


@dataclass(slots=True)
class Wires:
    """``kill`` ends the process at once, and ``died_at`` counts where. ``loss``: the share of messages that are lost.

    ``armed``: at the first of these moments that it comes to while it ``may_die``, the process is killed.
    ``silent``: it was killed, and has not said anything since.
    """

    process: str
    dice: Random
    kill: Callable[[], None]
    died_at: Counter[Moment]
    loss: float = 0.0
    armed: Sequence[Moment] = ()
    may_die: Callable[[], bool] = lambda: True
    silent: bool = False
    lost: Counter[str] = field(default_factory=Counter)
    addresses: dict[str, str] = field(default_factory=dict)
    _proxies: dict[str, Proxy] = field(default_factory=dict)
    _transactions: Transactions = field(default_factory=Transactions)
    _fatal: tuple[bytes, frozenset[str]] | None = None

    @asynccontextmanager
    async def opened(self, upstreams: dict[str, str]) -> AsyncIterator["Wires"]:
        """Listen, and carry on to ``mongod``, ``valkey`` and ``http`` as far as they are given."""
        speaks: dict[str, tuple[Read, Rule]] = {
            "mongod": (read_command, self._command),
            "valkey": (read_chunk, self._chunk),
            "http": (read_request, self._request),
        }
        async with AsyncExitStack() as stack:
            for name, upstream in upstreams.items():
                read, rule = speaks[name]
                proxy = Proxy(upstream, rule, read, self._withheld)
                server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
                stack.push_async_callback(proxy.end)
                stack.callback(server.close)
                self._proxies[name] = proxy
                self.addresses[name] = _moved(upstream, server.sockets[0].getsockname()[1])
            yield self

    def cut(self, name: str) -> None:
        """Cut every wire to that server."""
        self._proxies[name].cut_all()

    async def _command(self, command: str, message: bytes) -> Fate:
        self.silent = False
        self._transactions.note(command, message)
        if command == "commitTransaction":
            return self._judge("mongod", self._transactions.committed_by(message), message)
        return self._maybe_lost("mongod")

    async def _chunk(self, _name: str, _message: bytes) -> Fate:
        return self._maybe_lost("valkey")

    async def _request(self, name: str, message: bytes) -> Fate:
        return self._judge("http", frozenset({name}), message)

    def _judge(self, wire: str, names: frozenset[str], message: bytes) -> Fate:
        met = next((moment for moment in self.armed if moment.what in names), None)
        if met is None or not self.may_die():
            return self._maybe_lost(wire)
        self.armed = ()
        if met.when == AFTER:
            self._fatal = (message, names)
            return Fate.GOES_UNANSWERED
        self._die(names, BEFORE)
        return Fate.IS_LOST

    def _withheld(self, message: bytes) -> None:
        if self._fatal is not None and self._fatal[0] is message:
            self._die(self._fatal[1], AFTER)
            self._fatal = None

    def _die(self, names: frozenset[str], when: str) -> None:
        self.kill()
        self.died_at.update(Moment(name, when) for name in names)

    def _maybe_lost(self, wire: str) -> Fate:
        if not self.loss or self.dice.random() >= self.loss:
            return Fate.ARRIVES
        self.lost[wire] += 1
        return self.dice.choice(_LOSSES)


def _moved(upstream: str, port: int) -> str:
    """The address of an upstream, as it is reached through a proxy at that port."""
    address = urlsplit(upstream)
    if address.scheme in {"unix", "redis"}:
        secret, at, _ = address.netloc.rpartition("@")
        return f"redis://{secret}{at}127.0.0.1:{port}"
    query = f"/?{address.query}" if address.query else ""
    return f"{address.scheme}://127.0.0.1:{port}{query}"
