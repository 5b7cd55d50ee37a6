"""One process of load on the ledger: it reads a job, says when it is ready, calls until told, answers with a sample."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from os import getpid
from time import monotonic
from typing import Any, Self

from pymongo import AsyncMongoClient

from app.clock import SystemClock
from app.errors import WalletError
from app.ids import new_id
from app.ledger.changes import Change, Document
from app.plumbing.mongo import Database, connect
from bench.child import serve_one_job
from bench.measuring import Sample, Tally, Window, metered
from bench.naive import Naive
from bench.raw import Raw
from bench.sampler import profiled
from bench.wiring import door_to
from bench.world import Draw, Transfers

Call = Callable[[], Awaitable[None]]

_DEADLINE_S = 30.0
"""Longer than any wait that a goal allows, so that a slow answer is seen as slow and not as none."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """What a process does: ``way`` is door, naive, raw-inside or raw-outside.

    ``callers`` call one after the other for as long as the warm-up and the window last; for the raw ways it is the
    size of a batch. ``pids`` are other processes whose CPU time is read.
    """

    uri: str
    database: str
    way: str
    callers: int
    draw: Draw
    warmup_s: float
    window_s: float
    pids: dict[str, int] = field(default_factory=dict)
    profile: str = ""

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**{**content, "draw": Draw(**content["draw"])})


async def load(job: LoadJob, ready: Callable[[], Awaitable[None]]) -> Sample:
    """Connect, wait until everybody is ready, and make the load."""
    client, database = connect(job.uri, job.database)
    async with client, _opened(job, client, database) as run:
        await database.command("ping")
        await ready()
        window = Window.from_now(job.warmup_s, job.window_s)
        tally = Tally(window)
        pids = {"load": getpid(), **job.pids}
        async with asyncio.TaskGroup() as group:
            usage = group.create_task(metered(window, pids, lambda: _commits(database)))
            group.create_task(profiled(window, job.profile))
            run(group, tally)
        return tally.sample(usage.result())


@asynccontextmanager
async def _opened(
    job: LoadJob, client: AsyncMongoClient[Document], database: Database
) -> AsyncIterator[Callable[[asyncio.TaskGroup, Tally], None]]:
    """What starts the job's callers in a task group."""
    transfers, clock = Transfers(job.draw, new_id("run")), SystemClock()
    if job.way.startswith("raw"):
        raw = Raw(client, database, clock, transfers, inside=job.way == "raw-inside")
        yield lambda group, tally: _start(group, _batches(raw, job.callers, tally))
        return
    if job.way == "naive":
        naive = Naive(client, database, clock)
        yield lambda group, tally: _start(group, *(_calls(naive.post, transfers, tally) for _ in range(job.callers)))
        return
    door = door_to(database)
    async with asyncio.TaskGroup() as committing:
        committing.create_task(door.run())

        async def post(change: Change) -> None:
            await door.submit(change, deadline_s=_DEADLINE_S)

        yield lambda group, tally: _start(group, *(_calls(post, transfers, tally) for _ in range(job.callers)))
        door.close()


def _start(group: asyncio.TaskGroup, *coroutines: Any) -> None:
    for coroutine in coroutines:
        group.create_task(coroutine)


async def _calls(post: Callable[[Change], Awaitable[None]], transfers: Transfers, tally: Tally) -> None:
    """One caller: a transfer, its answer, the next, until the window is over."""
    while (started := monotonic()) < tally.window.ends_at:
        refusal = ""
        try:
            await post(transfers.next())
        except WalletError as refused:
            refusal = type(refused).__name__
        tally.note(started, monotonic(), refusal)


async def _batches(raw: Raw, size: int, tally: Tally) -> None:
    while monotonic() < tally.window.ends_at:
        await raw.write(size)
        if tally.window.holds(monotonic()):
            tally.also_done += size


async def _commits(database: Database) -> int:
    status = await database.client.admin.command("serverStatus")
    return int(status["transactions"]["totalCommitted"])


if __name__ == "__main__":
    serve_one_job(LoadJob.read, load)
