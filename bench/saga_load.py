"""One worker process of bench sagas: its engine, its loops, and the callers that keep it busy or wake it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from os import getpid
from random import Random
from time import monotonic
from typing import Any, Self, cast

from app.ids import new_id
from app.inbox.store import InboxStore
from app.ledger.changes import Change, Door, Duplicate, Posted
from app.orchestrator.driver import Driver
from app.orchestrator.engine import Engine
from app.orchestrator.journal import SAGAS
from app.orchestrator.observations import Observations
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Saga
from app.orchestrator.scribe import Scribe
from app.orchestrator.starting import Asked, Flows
from app.runtime import Runtime, open_runtime
from app.settings import load
from bench.child import serve_one_job
from bench.machine import age_s
from bench.measuring import Sample, Tally, Window, metered
from bench.saga_flows import FLOWS, INNER, OUTSIDE, POLICIES, Paid, reference
from bench.sampler import profiled
from bench.world import BOOK, customer_id

_LEASE_S = 30.0
_WAKE_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class SagaJob:
    """What a worker process does for a window, by its ``way``.

    inner, outside: ``callers`` start a saga each, and another as soon as it has ended; waits are from start to end.
    idle: nothing. start: the longest wait is from the start of the process until a saga that was due has moved.
    webhook, hint, poll: ``callers`` waiting sagas are made to move one after the other, by an event in the inbox, by
    Redis alone, or by nobody; waits are from then until the commit that moves them.
    """

    uri: str
    database: str
    redis: str
    way: str
    callers: int
    customers: int
    poll_s: float
    warmup_s: float
    window_s: float
    pids: dict[str, int] = field(default_factory=dict)
    profile: str = ""

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**content)


@dataclass(slots=True)
class WatchedDoor:
    """The door, which tells whoever waits for it that a saga has moved, and that it has ended."""

    door: Door
    moved: dict[str, asyncio.Event] = field(default_factory=dict)
    ended: dict[str, asyncio.Event] = field(default_factory=dict)
    first_after_s: float = 0.0

    async def submit(self, change: Change, *, deadline_s: float = 30.0) -> Posted | Duplicate:
        verdict = await self.door.submit(change, deadline_s=deadline_s)
        for companion in change.companions:
            if companion.collection == SAGAS:
                self.first_after_s = self.first_after_s or age_s() or 0.0
                if companion.id in self.moved:
                    self.moved[companion.id].set()
                if companion.document["status"] == "completed" and companion.id in self.ended:
                    self.ended.pop(companion.id).set()
        return verdict


@dataclass(frozen=True, slots=True)
class Worker:
    """A runtime, and an engine of its own that knows the bench sagas."""

    runtime: Runtime
    door: WatchedDoor
    engine: Engine
    flows: Flows


@asynccontextmanager
async def working(job: SagaJob) -> AsyncIterator[Worker]:
    """Every loop of a worker that has to do with sagas, running."""
    settings = load(mongodb_uri=job.uri, mongodb_database=job.database, redis_url=job.redis)
    async with open_runtime(settings) as runtime:
        door = WatchedDoor(runtime.door)
        nowhere = cast("Outside", None)  # bench sagas go nowhere
        scribe = Scribe(door, runtime.clock, job.poll_s)
        driver = Driver(FLOWS, runtime.sagas, scribe, nowhere, POLICIES, runtime.clock)
        engine = Engine(runtime.sagas, driver, door, runtime.clock, lease_s=_LEASE_S, poll_s=job.poll_s)
        inbox = Observations(
            InboxStore(runtime.database),
            runtime.sagas,
            runtime.users,
            runtime.people,
            runtime.door,
            runtime.clock,
            engine.hint,
            runtime.lookout,
            poll_s=job.poll_s,
        )

        def look(_about: str) -> None:
            engine.hint()
            inbox.hint()

        async def hint() -> None:
            engine.hint()

        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run())
            group.create_task(inbox.run())
            if job.way != "poll":
                group.create_task(runtime.hints.listen(look))
            yield Worker(runtime, door, engine, Flows(runtime.sagas, door, runtime.clock, hint))
            engine.close()
            inbox.close()
            runtime.hints.close()


async def load_sagas(job: SagaJob, ready: Callable[[], Awaitable[None]]) -> Sample:
    """Work, wait until everybody is ready, and measure."""
    async with working(job) as worker:
        await ready()
        window = Window.from_now(job.warmup_s, job.window_s)
        tally = Tally(window)
        pids = {"worker": getpid(), **job.pids}
        async with asyncio.TaskGroup() as group:
            usage = group.create_task(metered(window, pids))
            group.create_task(profiled(window, job.profile))
            match job.way:
                case "inner" | "outside":
                    flow = INNER if job.way == "inner" else OUTSIDE
                    for _ in range(job.callers):
                        group.create_task(_keep_busy(worker, flow, job.customers, tally))
                case "webhook" | "hint" | "poll":
                    group.create_task(_wake(worker, job, tally))
        sample = tally.sample(usage.result())
        return replace(sample, longest_s=worker.door.first_after_s) if job.way == "start" else sample


async def _keep_busy(worker: Worker, flow: Saga, customers: int, tally: Tally) -> None:
    random = Random(new_id("run"))
    while (started := monotonic()) < tally.window.ends_at:
        params = Paid(account_id=customer_id(random.randrange(customers)))
        await _run_one(worker, flow, params)
        tally.note(started, monotonic())


async def _run_one(worker: Worker, flow: Saga, params: Paid) -> None:
    async def prepare(saga_id: str) -> Paid:
        ended[0] = worker.door.ended[saga_id] = asyncio.Event()
        return params

    ended: dict[int, asyncio.Event] = {}
    await worker.flows.start(flow, Asked(BOOK, "usr_bench", new_id("key"), {}), prepare)
    await ended[0].wait()


async def _wake(worker: Worker, job: SagaJob, tally: Tally) -> None:
    """One waiting saga after the other."""
    sagas = worker.runtime.database[SAGAS]
    ids = [each["_id"] async for each in sagas.find({"status": "waiting"}, {"_id": 1}).limit(job.callers)]
    await asyncio.sleep(max(0.0, tally.window.begins_at - monotonic()))
    inbox = InboxStore(worker.runtime.database)
    for saga_id in ids:
        if monotonic() >= tally.window.ends_at:
            return
        worker.door.moved[saga_id] = moved = asyncio.Event()
        started = monotonic()
        if job.way == "webhook":
            await inbox.insert(_event(saga_id, worker))
            await worker.runtime.hints.give()
        else:
            await worker.runtime.sagas.wake([reference(saga_id)], worker.runtime.clock.now())
            if job.way == "hint":
                await worker.runtime.hints.give()
        await moved.wait()
        tally.note(started, monotonic())
        await asyncio.sleep(_WAKE_PAUSE_S)


def _event(saga_id: str, worker: Worker) -> dict[str, Any]:
    at = worker.runtime.clock.now()
    return {
        "_id": f"bench:{saga_id}",
        "provider": "bench",
        "event_id": saga_id,
        "type": "payment.sent",
        "refs": [reference(saga_id)],
        "payload": {},
        "status": "received",
        "attempts": 0,
        "due_at": at,
        "received_at": at,
        "settled_at": None,
        "version": 1,
    }


if __name__ == "__main__":
    serve_one_job(SagaJob.read, load_sagas)
