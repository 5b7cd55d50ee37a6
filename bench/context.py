"""What a section works with: the servers, how long and how often, and where samples go."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from app.ids import new_id
from app.ledger.accounts import Account
from app.plumbing.mongo import Database, connect
from bench import load
from bench.children import samples
from bench.figures import told
from bench.load import LoadJob
from bench.measuring import Sample
from bench.servers import Servers
from bench.telling import Teller
from bench.world import Draw, found

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CALLERS = 128
NAIVE_CALLERS = (32, 128)
LOAD = load.__name__


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each figure is taken, after which warm-up, for how long."""

    repetitions: int
    warmup_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmark."""

    plan: Plan
    servers: Servers
    teller: Teller
    taken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rounds(self) -> range:
        """The repetitions. Within each, every way is measured once, so that all meet the same weather."""
        return range(self.plan.repetitions)

    def take(self, what: str, module: str, jobs: Sequence["DataclassInstance"]) -> list[Sample]:
        """One sample per job, all taken during the same window, and recorded under that name."""
        return self.take_beside(what, [(module, job) for job in jobs])

    def take_beside(self, what: str, loads: Sequence[tuple[str, "DataclassInstance"]]) -> list[Sample]:
        """The same for loads of different kinds, each a module and its job."""
        self.teller.doing(what)
        found = samples(loads, self.servers.log)
        self.taken.extend({"what": what, **asdict(sample)} for sample in found)
        refused = sum(sum(sample.refused.values()) for sample in found)
        figure = told(sum(sample.per_s for sample in found), "/s")
        self.teller.took(what, f"{figure}, {refused} refused" if refused else figure)
        return found

    def post(self, what: str, database: str, way: str, draw: Draw, callers: int = CALLERS) -> Sample:
        """What one process posts between the accounts of a draw."""
        return self.take(what, LOAD, [self.job(database, way, draw, callers)])[0]

    def post_naively(self, what: str, database: str, draws: Sequence[Draw]) -> float:
        """Posts a second of the better of few and many naive callers, shared by one process per draw."""
        found = []
        for callers in NAIVE_CALLERS:
            jobs = [self.job(database, "naive", draw, callers // len(draws)) for draw in draws]
            posted = self.take(f"{what}, {callers} callers", LOAD, jobs)
            found.append(sum(sample.per_s for sample in posted))
        return max(found)

    def job(self, database: str, way: str, draw: Draw, callers: int) -> LoadJob:
        """A job of load with this run's servers and window."""
        return LoadJob(
            uri=self.servers.mongod.url,
            database=database,
            way=way,
            callers=callers,
            draw=draw,
            warmup_s=self.plan.warmup_s,
            window_s=self.plan.window_s,
            pids={"mongod": self.servers.mongod.pid},
        )

    @contextmanager
    def database(self, accounts: Callable[[], Iterable[Account]]) -> Iterator[str]:
        """The name of a database of its own, with those accounts open; it is dropped afterwards."""
        name = new_id("bench")
        self.within(name, lambda database: found(database, accounts()))
        try:
            yield name
        finally:
            self.within(name, lambda database: database.client.drop_database(name))

    def within(self, name: str, work: Callable[[Database], Any]) -> Any:
        """Do something in a database, with a client of its own; the answer of the work."""

        async def connected() -> Any:
            client, database = connect(self.servers.mongod.url, name)
            async with client:
                return await work(database)

        return asyncio.run(connected())
