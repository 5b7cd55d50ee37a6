"""A million accounts and five million entries: what they cost the door, and a balance in the past."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from random import Random
from statistics import median
from time import monotonic

from app.ids import new_id
from app.ledger.accounts import Account
from app.ledger.store import COLLECTIONS, LedgerStore
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database
from bench import loader
from bench.context import Bench, Plan
from bench.figures import Row, at_least, at_most, percentile, ratios, told
from bench.loader import BETWEEN, History, LoadingJob
from bench.world import FOUNDED_AT, Draw, customer, customer_id

SECTION = "scale"
HISTORY = History(pairs=500_000, transfers=5, deep=100_000)
ACTIVE = 20_000
_CUSTOMERS = 2 * HISTORY.pairs
_ENTRIES = _CUSTOMERS * HISTORY.transfers
_SOME = Draw(ACTIVE, stride=_CUSTOMERS // ACTIVE)
_ALL = Draw(_CUSTOMERS)

_SLICES = 20
_LOADERS = 2
_PARTS = _SLICES * _LOADERS
_WAYS = 3
_LOOKUPS_MAX = 500
_LOOKUPS_S = 5.0


def accounts() -> Iterator[Account]:
    """The active customers alone."""
    return (customer(number * _SOME.stride) for number in range(ACTIVE))


def count(plan: Plan) -> int:
    """How many samples it takes, the parts of loading included."""
    return _SLICES + plan.repetitions * _WAYS


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    empty: list[float] = []
    some: list[float] = []
    everybody: list[float] = []
    past_ms: list[float] = []
    with _loaded(bench) as loaded:
        for _ in bench.rounds:
            with bench.database(accounts) as fresh:
                empty.append(bench.post(f"{ACTIVE:,} active, nothing else there", fresh, "door", _SOME).per_s)
            some.append(bench.post(f"{ACTIVE:,} active of {_CUSTOMERS:,}", loaded, "door", _SOME).per_s)
            past_ms.append(bench.within(loaded, _past_ms))
            bench.within(loaded, _warm)
            everybody.append(bench.post("all active", loaded, "door", _ALL).per_s)
    cache = f"cache {bench.servers.cache_gb:g} GB"
    return [
        _ratio(f"{_CUSTOMERS:,} accounts, {_ENTRIES:,} entries, {ACTIVE:,} active, vs empty", some, empty, 0.9, cache),
        _ratio("the same, all active", everybody, empty, 0.6, f"{cache}, accounts read once before"),
        Row(
            SECTION,
            f"a past balance, account of {HISTORY.deep:,} entries, p50",
            "ms",
            tuple(past_ms),
            at_most(2.5),
            "one caller, instants at random",
        ),
    ]


@contextmanager
def _loaded(bench: Bench) -> Iterator[str]:
    """A database with the history in it; indexes are made once everything is there."""
    name = new_id("bench")
    try:
        bare = [replace(spec, indexes=()) for spec in COLLECTIONS]
        bench.within(name, lambda database: ensure_collections(database, bare))
        for piece in range(_SLICES):
            bounds = [HISTORY.pairs * part // _PARTS for part in range(piece * _LOADERS, (piece + 1) * _LOADERS + 1)]
            jobs = [LoadingJob(bench.servers.mongod.url, name, HISTORY, *each) for each in pairwise(bounds)]
            bench.take(f"loading, {(piece + 1) / _SLICES:.0%} of the entries", loader.__name__, jobs)
        bench.teller.doing("making the indexes")
        bench.within(name, lambda database: ensure_collections(database, COLLECTIONS))
        bench.within(name, lambda database: database.client.admin.command("fsync"))
        yield name
    finally:
        bench.within(name, lambda database: database.client.drop_database(name))


async def _warm(database: Database) -> None:
    """Read every account once, as a day of business would have."""
    await database["accounts"].aggregate([{"$group": {"_id": None, "versions": {"$sum": "$version"}}}])


async def _past_ms(database: Database) -> float:
    """The p50 of asking for the deep account's balance at instants of its life drawn at random."""
    store, random = LedgerStore(database.client, database), Random(1)
    waits_s: list[float] = []
    give_up_at = monotonic() + _LOOKUPS_S
    while len(waits_s) < _LOOKUPS_MAX and monotonic() < give_up_at:
        at = FOUNDED_AT + random.randrange(HISTORY.deep) * BETWEEN
        began = monotonic()
        await store.balance_at(customer_id(0), at)
        waits_s.append(monotonic() - began)
    return percentile(sorted(waits_s), 50) * 1_000


def _ratio(measure: str, figures: list[float], references: list[float], goal: float, detail: str) -> Row:
    compared = f"{told(median(figures), '/s')} vs {told(median(references), '/s')}; {detail}"
    return Row(SECTION, measure, "×", ratios(figures, references), at_least(goal), compared)
