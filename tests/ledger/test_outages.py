"""The wire to the real server is cut, and the server itself is killed, at chosen and at seeded moments.

Whatever happens: what was acknowledged is stored, once; what was refused or turned away is not; the books are sound.
"""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.errors import InsufficientFunds, OutcomeUnresolved, Overloaded, StaleGuard, WalletError
from app.ledger import verbs
from app.ledger.changes import ABSENT, Change, Companion, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.plumbing import embedded, mongo
from app.plumbing.collections import CollectionSpec, ensure_collections
from tests.ledger.given import ALICE, BANK, BOB, BOOK, Database, ledger_in, open_door, transfer, txn, until
from tests.ledger.proxy import Fate, Proxy, proxied

NOTES = CollectionSpec("notes")


@asynccontextmanager
async def ledger_at(uri: str, database: str) -> AsyncIterator[LedgerStore]:
    client, remote = mongo.connect(uri, database)
    async with client:
        yield LedgerStore(client, remote)


@pytest.fixture
async def proxy(mongodb_uri: str) -> AsyncIterator[Proxy]:
    """A wire to the run's server."""
    async with proxied(mongodb_uri) as wire:
        yield wire


@pytest.fixture
async def far(proxy: Proxy, store: LedgerStore, database: Database) -> AsyncIterator[LedgerStore]:
    """The same ledger as ``store``, beyond the wire."""
    await ensure_collections(database, [NOTES])
    async with ledger_at(proxy.uri, database.name) as ledger:
        yield ledger


def first(count: int, command: str, fate: Fate) -> Callable[[str, bytes], Any]:
    """That many of these commands meet this fate."""
    seen = Counter[str]()

    async def rule(name: str, _message: bytes) -> Fate:
        seen[name] += 1
        return fate if name == command and seen[name] <= count else Fate.ARRIVES

    return rule


async def head(database: Database) -> int:
    return max([block["n"] async for block in database["blocks"].find()], default=0)


@pytest.mark.parametrize(
    ("count", "fate"),
    [
        (1, Fate.IS_LOST),
        (1, Fate.IS_CUT_OFF),
        (1, Fate.GOES_UNANSWERED),
        (2, Fate.GOES_UNANSWERED),
        (6, Fate.IS_LOST),
        (6, Fate.GOES_UNANSWERED),
    ],
)
async def test_a_commit_whose_answer_is_lost_is_true_once_and_told_as_posted(
    database: Database, store: LedgerStore, far: LedgerStore, proxy: Proxy, count: int, fate: Fate
) -> None:
    """Six is all that one attempt asks, so the outcome has to be read from the stream's head."""
    async with open_door(far) as door:
        await verbs.post(door, transfer("fund", BANK, ALICE, 10))
        proxy.rule = first(count, "commitTransaction", fate)
        note = Companion("notes", "default/note", ABSENT, {"version": 1})
        posted = await asyncio.gather(
            verbs.post(door, transfer("one", ALICE, BOB, 10)), door.submit(Change(BOOK, companions=(note,)))
        )
    assert proxy.losses == count
    assert [type(each) for each in posted] == [Posted, Posted]
    assert await head(database) == 2
    assert (await store.audit()).line() == "2 transactions, 4 entries, 1 assets, 0 breaks, chain intact"


@pytest.mark.parametrize("command", ["find", "update", "insert"])
async def test_a_cut_before_the_commit_is_tried_again_unnoticed(
    store: LedgerStore, far: LedgerStore, proxy: Proxy, command: str
) -> None:
    async with open_door(far) as door:
        await verbs.post(door, transfer("fund", BANK, ALICE, 10))
        proxy.rule = first(2, command, Fate.GOES_UNANSWERED)
        assert isinstance(await verbs.post(door, transfer("one", ALICE, BOB, 10)), Posted)
    assert proxy.losses == 2
    assert (await store.audit()).line() == "2 transactions, 4 entries, 1 assets, 0 breaks, chain intact"


async def test_a_commit_that_arrives_late_finds_its_place_taken(
    database: Database, store: LedgerStore, far: LedgerStore, proxy: Proxy
) -> None:
    """The driver gives up on a commit that is still under way; it is let through after the batch was run again."""
    release, delayed = asyncio.Event(), 0

    async def rule(name: str, _message: bytes) -> Fate:
        nonlocal delayed
        if name == "commitTransaction" and not release.is_set() and delayed < 6:
            delayed += 1
            group.create_task(late(_message))
            return Fate.IS_LOST
        return Fate.ARRIVES

    async def late(message: bytes) -> None:
        await release.wait()
        reader, writer = await proxy._connect()
        writer.write(message)
        await reader.read(65_536)
        writer.close()

    async with asyncio.TaskGroup() as group:
        async with open_door(far) as door:
            await verbs.post(door, transfer("fund", BANK, ALICE, 10))
            proxy.rule = rule
            assert isinstance(await verbs.post(door, transfer("one", ALICE, BOB, 10)), Posted)
        release.set()
    assert delayed == 6
    assert await head(database) == 2
    assert (await store.audit()).line() == "2 transactions, 4 entries, 1 assets, 0 breaks, chain intact"


async def test_a_retry_is_never_told_that_the_money_is_missing_which_it_moved_itself(
    store: LedgerStore, far: LedgerStore, proxy: Proxy
) -> None:
    """Its accounts are read before, and its identity after, the same request was posted by another process."""
    reading, posted = asyncio.Event(), asyncio.Event()

    async def rule(name: str, message: bytes) -> Fate:
        if name == "find" and b"\0accounts\0" in message:
            reading.set()
            await posted.wait()
        return Fate.ARRIVES

    async with open_door(store, seed=1) as near, open_door(far, seed=2) as door:
        await verbs.post(near, transfer("fund", BANK, ALICE, 10))
        proxy.rule = rule
        async with asyncio.TaskGroup() as group:
            retry = group.create_task(verbs.post(door, transfer("one", ALICE, BOB, 10)))
            await reading.wait()
            await verbs.post(near, transfer("one", ALICE, BOB, 10))
            posted.set()
    assert isinstance(retry.result(), Duplicate)


@pytest.mark.parametrize(
    ("count", "held_up"),
    [(1, "update"), (40, "insert"), (40, "update")],
    ids=["each guarded by itself", "before the snapshot in which all are read", "after it"],
)
async def test_a_version_that_moves_between_reading_and_writing_is_not_overwritten(
    database: Database, store: LedgerStore, far: LedgerStore, proxy: Proxy, count: int, held_up: str
) -> None:
    names = [f"default/note_{number}" for number in range(count)]
    await database["notes"].insert_many([{"_id": name, "version": 1, "by": "nobody"} for name in names])
    writing, taken = asyncio.Event(), asyncio.Event()

    async def rule(name: str, _message: bytes) -> Fate:
        if name == held_up:
            writing.set()
            await taken.wait()
        return Fate.ARRIVES

    def claim(by: str, of: list[str]) -> Change:
        written = {"version": 2, "by": by}
        return Change(BOOK, companions=tuple(Companion("notes", name, {"version": 1}, written) for name in of))

    async with open_door(store, seed=1) as near, open_door(far, seed=2) as door:
        proxy.rule = rule
        async with asyncio.TaskGroup() as group:
            second = group.create_task(refused(door, claim("second", names)))
            await writing.wait()
            await near.submit(claim("first", names[-1:]))
            taken.set()
    assert isinstance(second.result(), StaleGuard)
    assert [note["by"] async for note in database["notes"].find()] == ["nobody"] * (count - 1) + ["first"]


async def refused(door: Committer, change: Change) -> WalletError | None:
    try:
        await door.submit(change)
    except WalletError as refusal:
        return refusal
    return None


class Load:
    """Many callers who note what they were told."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - repeats with its seed
        self.told: dict[str, type] = {}

    async def post(self, door: Any, name: str, minor: int, deadline_s: float) -> None:
        note = Companion("notes", f"default/note_{name}", ABSENT, {"version": 1})
        change = Change(BOOK, (transfer(name, ALICE, BOB, minor),), (note,))
        try:
            self.told[name] = type(await door.submit(change, deadline_s=deadline_s))
        except (InsufficientFunds, Overloaded, OutcomeUnresolved) as refusal:
            self.told[name] = type(refusal)

    async def wave(self, door: Any, prefix: str, callers: int, deadline_s: float = 30.0) -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(callers):
                group.create_task(self.post(door, f"{prefix}_{n}", self.random.randint(1, 40), deadline_s))
                if self.random.random() < 0.2:
                    await asyncio.sleep(self.random.uniform(0, 0.01))

    async def assert_true(self, store: LedgerStore, database: Database) -> None:
        """What each caller was told is so."""
        for name, verdict in self.told.items():
            stored = await store.transaction(txn(name)) is not None
            noted = await database["notes"].find_one({"_id": f"default/note_{name}"}) is not None
            assert stored == noted
            if verdict is not OutcomeUnresolved:
                assert stored == (verdict in (Posted, Duplicate)), (name, verdict)
        assert (await store.audit()).breaks == []


def seeds(pytestconfig: pytest.Config) -> int:
    return 40 if pytestconfig.getoption("full") else 3


@pytest.mark.timeout(600)
async def test_nobody_is_told_what_is_not_so_while_the_wire_is_cut_again_and_again(
    database: Database, store: LedgerStore, far: LedgerStore, proxy: Proxy, pytestconfig: pytest.Config
) -> None:
    async with open_door(store) as near:
        await verbs.post(near, transfer("fund", BANK, ALICE, 5_000))
    lost = 0
    for seed in range(seeds(pytestconfig)):
        load = Load(seed)

        async def rule(name: str, _message: bytes, random: Random = load.random) -> Fate:
            odds = 0.5 if name == "commitTransaction" else 0.02
            return random.choice(list(Fate)[1:]) if random.random() < odds else Fate.ARRIVES

        proxy.rule = rule
        async with open_door(far, seed=seed) as door:
            await load.wave(door, f"s{seed}", 200)
        lost += proxy.losses
        await load.assert_true(store, database)
        assert Posted in load.told.values() or InsufficientFunds in load.told.values()
    assert lost > 0


@pytest.fixture
def folder() -> Any:
    """A folder with a path short enough for a socket; a later run ends what a killed one leaves there."""
    memory = Path("/dev/shm")  # noqa: S108 - as the run's own servers
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix=f"wallet-tests-{os.getpid()}-", dir=parent))
    yield made
    shutil.rmtree(made)


@pytest.mark.timeout(600)
async def test_a_server_killed_in_the_middle_of_batches_keeps_what_it_acknowledged(
    folder: Path, pytestconfig: pytest.Config
) -> None:
    def start() -> embedded.Server:
        server = embedded.start_mongod(folder / "data", folder / "run", folder / "log", cache_gb=0.25)
        (folder / "mongod.pid").write_text(str(server.pid))
        return server

    server = await asyncio.to_thread(start)
    try:
        async with ledger_at(server.url, "killed") as far:
            store = await ledger_in(far._database)
            await ensure_collections(far._database, [NOTES])
            load = Load(seed=5)
            async with open_door(store) as door:
                await verbs.post(door, transfer("fund", BANK, ALICE, 10**9))
                for round_number in range(20 if pytestconfig.getoption("full") else 2):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(load.wave(door, f"r{round_number}", 300))
                        served = len(load.told) + load.random.randint(20, 250)
                        await until(lambda served=served: len(load.told) >= served)
                        server.process.kill()
                        server.process.wait()
                        server = await asyncio.to_thread(start)
            await load.assert_true(store, far._database)
            assert list(load.told.values()).count(Posted) > len(load.told) / 2
    finally:
        embedded.stop(server)


async def test_a_process_that_dies_in_the_middle_of_a_batch_locks_nobody_out_for_long(
    store: LedgerStore, far: LedgerStore, proxy: Proxy
) -> None:
    """A dead process ends no transaction; the server does, so it must not wait for the minute it waits by default."""
    inside = asyncio.Event()

    async def rule(name: str, _message: bytes) -> Fate:
        if name == "insert":
            inside.set()
        return Fate.IS_LOST if inside.is_set() else Fate.ARRIVES

    async with open_door(store, seed=1) as near, open_door(far, seed=2) as dying:
        await verbs.post(near, transfer("fund", BANK, ALICE, 10))
        async with asyncio.TaskGroup() as group:
            proxy.rule = rule
            group.create_task(caught(dying, "lost"))
            await inside.wait()
            assert isinstance(await verbs.post(near, transfer("next", ALICE, BOB, 1)), Posted)
            proxy.rule = first(0, "", Fate.ARRIVES)


async def caught(door: Any, name: str) -> None:
    with suppress(Overloaded, OutcomeUnresolved):
        await verbs.post(door, transfer(name, ALICE, BOB, 1))
