"""One process of requests that come when they come: so many a second, however long the answers take.

A wait counts from the moment at which its request was due, so standing in line before a slow server counts too. All
that were due in the window count, however late they are answered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from os import getpid
from time import monotonic
from typing import Any, Self

from app.settings import load as load_settings
from bench.child import serve_one_job
from bench.http_load import LENGTH
from bench.measuring import Sample, Tally, Window, metered
from bench.signed import Deliveries, Questions

_OVER = float("inf")
_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class OpenJob:
    """Vendors' events, or the bank's questions about ``cards`` where there are any, over connections kept open."""

    host: str
    port: int
    per_s: float
    connections: int
    warmup_s: float
    window_s: float
    cards: list[str] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**content)

    def requests(self) -> Iterator[bytes]:
        """The requests, without an end."""
        host = f"{self.host}:{self.port}"
        if self.cards:
            return iter(Questions(load_settings(), host, self.cards))
        return iter(Deliveries(load_settings(), host))

    @property
    def yes(self) -> bytes:
        """What an answer holds when all is well."""
        return b"approveAuthorizationRequest" if self.cards else b'"received":1'


async def load(job: OpenJob, ready: Callable[[], Awaitable[None]]) -> Sample:
    """Wait until everybody is ready, and ask at every due moment until the window is over."""
    requests = job.requests()
    await ready()
    tally, due = Tally(Window.from_now(job.warmup_s, job.window_s)), asyncio.Queue[float]()
    async with asyncio.TaskGroup() as group:
        usage = group.create_task(metered(tally.window, {"client": getpid(), **job.pids}))
        group.create_task(_clock(job, tally.window, due))
        for _ in range(job.connections):
            group.create_task(_connection(job, requests, due, tally))
    return tally.sample(usage.result())


async def _clock(job: OpenJob, window: Window, due: "asyncio.Queue[float]") -> None:
    at = monotonic()
    while at < window.ends_at:
        await asyncio.sleep(max(0.0, at - monotonic()))
        due.put_nowait(at)
        at += 1 / job.per_s
    for _ in range(job.connections):
        due.put_nowait(_OVER)


async def _connection(job: OpenJob, requests: Iterator[bytes], due: "asyncio.Queue[float]", tally: Tally) -> None:
    """Send what is due, one after the other, over one connection at a time."""
    while not await _until_lost(job, requests, due, tally):
        pass


async def _until_lost(job: OpenJob, requests: Iterator[bytes], due: "asyncio.Queue[float]", tally: Tally) -> bool:
    """Whether everything is over; a connection that is lost has lost its request."""
    reader, writer = await asyncio.open_connection(job.host, job.port, limit=_BYTES_MAX)
    try:
        while (at := await due.get()) < _OVER:
            try:
                writer.write(next(requests))
                _note(tally, at, await _refusal(reader, job.yes))
            except (ConnectionError, asyncio.IncompleteReadError):
                _note(tally, at, "connection lost")
                return False
        return True
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _note(tally: Tally, due_at: float, refusal: str) -> None:
    if not tally.window.holds(due_at):
        return
    waited_s = monotonic() - due_at
    tally.longest_s = max(tally.longest_s, waited_s)
    if refusal:
        tally.refused[refusal] += 1
    else:
        tally.waits_s.append(waited_s)


async def _refusal(reader: asyncio.StreamReader, yes: bytes) -> str:
    """What the next answer says, if it is not all well."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    if head.startswith(b"HTTP/1.1 200") and yes in body:
        return ""
    return head[9:12].decode()


if __name__ == "__main__":
    serve_one_job(OpenJob.read, load)
