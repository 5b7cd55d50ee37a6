"""One process of HTTP load, written so that the server is what is measured.

Requests are put together from bytes made beforehand; a connection sends the next one the moment its answer is whole.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from os import getpid
from random import Random
from time import monotonic
from typing import Any, Self, cast

from app.ids import new_id
from bench.child import serve_one_job
from bench.measuring import Sample, Tally, Window, metered

TRANSFERS, BATCHES = "/v1/transfers", "/v1/admin/transfers/batch"
_DONE = {TRANSFERS: (b"HTTP/1.1 201", b""), BATCHES: (b"HTTP/1.1 200", b'"refused":0')}
"""How an answer begins, and what is in it, when all was done."""
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpJob:
    """Transfers between accounts, one of each user, over so many connections that are kept open.

    ``users`` pairs a token with its user's public account id. ``path`` is that of single transfers, or of batches of
    ``size``.
    """

    host: str
    port: int
    connections: int
    users: list[tuple[str, str]]
    warmup_s: float
    window_s: float
    path: str = TRANSFERS
    size: int = 1
    pids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**content)


class Requests:
    """Transfers as bytes, each under a key of its own."""

    def __init__(self, job: HttpJob) -> None:
        self._run = new_id("run")
        self._sent = 0
        self._random = Random(self._run)
        self._accounts = [account.encode() for _, account in job.users]
        self._heads = [_head(job, token) for token, _ in job.users]
        self._size = job.size
        self._batched = job.path == BATCHES
        self._length = len(self._body(0))

    def next(self) -> bytes:
        """The next request: somebody pays somebody else a cent."""
        self._sent += 1
        payer = self._random.randrange(len(self._accounts))
        varying = f"Idempotency-Key: {self._run}-{self._sent}\r\nContent-Length: {self._length}\r\n\r\n"
        return self._heads[payer] + varying.encode() + self._body(payer)

    def _body(self, payer: int) -> bytes:
        if not self._batched:
            return self._transfer(payer)
        payers = (self._random.randrange(len(self._accounts)) for _ in range(self._size))
        return b'{"items":[%s]}' % b",".join(map(self._transfer, payers))

    def _transfer(self, payer: int) -> bytes:
        payee = (payer + self._random.randrange(1, len(self._accounts))) % len(self._accounts)
        return b'{"source_account_id":"%s","destination_account_id":"%s","amount":"0.01","currency":"USD"}' % (
            self._accounts[payer],
            self._accounts[payee],
        )


def _head(job: HttpJob, token: str) -> bytes:
    lines = (
        f"POST {job.path} HTTP/1.1",
        f"Host: {job.host}:{job.port}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "",
    )
    return "\r\n".join(lines).encode()


class Caller(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request."""

    def __init__(self, job: HttpJob, requests: Requests, tally: Tally) -> None:
        self._done = _DONE[job.path]
        self._more = job.size - 1
        self._requests = requests
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._started = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole."""
        self._answer += data
        if not is_whole(self._answer):
            return
        now = monotonic()
        begins, holds = self._done
        done = self._answer.startswith(begins) and holds in self._answer
        status = "" if done else self._answer[9:12].decode()
        self._tally.note(self._started, now, status)
        if not status and self._tally.window.holds(now):
            self._tally.also_done += self._more
        self._answer = b""
        self._send()

    def connection_lost(self, _reason: Exception | None) -> None:
        """A connection that the server closes has lost its request."""
        if not self.ended.done():
            self._tally.note(self._started, monotonic(), "connection lost")
            self.ended.set_result(None)

    def _send(self) -> None:
        self._started = monotonic()
        if self._transport is None or self._started >= self._tally.window.ends_at:
            self.ended.set_result(None)
        else:
            self._transport.write(self._requests.next())


def is_whole(answer: bytes) -> bool:
    """Whether an answer with a Content-Length has arrived to its end."""
    head = answer.find(b"\r\n\r\n")
    length = LENGTH.search(answer, 0, head + 2) if head >= 0 else None
    return length is not None and len(answer) >= head + 4 + int(length[1])


async def load(job: HttpJob, ready: Callable[[], Awaitable[None]]) -> Sample:
    """Wait until everybody is ready, connect, and make the load."""
    requests = Requests(job)
    await ready()
    tally = Tally(Window.from_now(job.warmup_s, job.window_s))
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        usage = group.create_task(metered(tally.window, {"client": getpid(), **job.pids}))
        for _ in range(job.connections):
            _, caller = await loop.create_connection(lambda: Caller(job, requests, tally), job.host, job.port)
            group.create_task(_until(caller.ended))
    return tally.sample(usage.result())


async def _until(ended: asyncio.Future[None]) -> None:
    await ended


if __name__ == "__main__":
    serve_one_job(HttpJob.read, load)
