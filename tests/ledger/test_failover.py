"""The primary of three is killed, or frozen and woken, while many callers post: nothing acknowledged is lost.

Whatever happens: who was told that it is posted finds it stored, once; who was told that it is not finds nothing; who
was told that nobody knows asks again and is told; and every caller is told something in time.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

import pytest

from app.errors import OutcomeUnresolved, Overloaded
from app.ledger.changes import ABSENT, Change, Companion, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.plumbing import mongo
from app.plumbing.collections import CollectionSpec, ensure_collections
from tests.ledger.given import ALICE, BANK, BOB, BOOK, Database, ledger_in, open_door, transfer, txn, until
from tests.ledger.replica_set import Member, ReplicaSet, replica_set

NOTES = CollectionSpec("notes")
CALLERS = 32
HURRIED = 8
DEADLINE_S = 10.0
HURRY_S = 0.5
LATE_S = 2.0
"""What a loop that two cores share with three servers may take to wake a caller."""

SERVED_S = 60.0


def noted_transfer(name: str) -> Change:
    """A cent for Bob, and a note of it that is true with it or not at all."""
    note = Companion(NOTES.name, f"{BOOK}/note_{name}", ABSENT, {"version": 1})
    return Change(BOOK, (transfer(name, ALICE, BOB, 1),), (note,))


@dataclass(slots=True)
class Load:
    """Callers who post one transfer after another, and note what they were told and how late."""

    door: Committer
    prefix: str
    told: dict[str, type] = field(default_factory=dict)
    latest_s: float = -DEADLINE_S
    over: bool = False

    @property
    def posted(self) -> int:
        return sum(verdict is Posted for verdict in self.told.values())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for caller in range(CALLERS):
                group.create_task(self._call(f"{self.prefix}_{caller}"))

    async def ask_in_a_hurry(self) -> list[type]:
        """What those are told who come now, and do not wait long."""
        names = [f"{self.prefix}_hurry_{len(self.told)}_{number}" for number in range(HURRIED)]
        await asyncio.gather(*(self._ask(name, HURRY_S) for name in names))
        return [self.told[name] for name in names]

    async def until_posted(self, more: int) -> None:
        goal = self.posted + more
        await until(lambda: self.posted >= goal, SERVED_S)

    async def _call(self, caller: str) -> None:
        number = 0
        while not self.over:
            number += 1
            await self._ask(f"{caller}_{number}", DEADLINE_S)

    async def _ask(self, name: str, deadline_s: float) -> None:
        loop = asyncio.get_running_loop()
        asked_at_s = loop.time()
        try:
            self.told[name] = type(await self.door.submit(noted_transfer(name), deadline_s=deadline_s))
        except (Overloaded, OutcomeUnresolved) as refusal:
            self.told[name] = type(refusal)
        self.latest_s = max(self.latest_s, loop.time() - asked_at_s - deadline_s)


@dataclass(slots=True)
class Ledger:
    """The books of the set, as its clients find them."""

    database: Database
    store: LedgerStore

    async def named(self) -> set[str]:
        """The transfers that are stored."""
        prefix = txn("")
        return {each["_id"].removeprefix(prefix) async for each in self.database["transactions"].find({}, {"_id": 1})}

    async def require_true(self, load: Load) -> None:
        """What every caller was told is so, and who was told nothing certain is told now."""
        stored = await self.named()
        for name, verdict in load.told.items():
            if verdict is not OutcomeUnresolved:
                assert (name in stored) == (verdict in {Posted, Duplicate}), (name, verdict)
                continue
            again = await load.door.submit(noted_transfer(name))
            assert isinstance(again, Duplicate if name in stored else Posted), name

    async def require_sound(self) -> None:
        """Every transfer once, each with its note, each cent where it belongs."""
        audit = await self.store.audit()
        assert audit.breaks == []
        assert audit.line().endswith("0 breaks, chain intact")
        transfers = {name for name in await self.named() if name != "fund"}
        notes = {each["_id"].removeprefix(f"{BOOK}/note_") async for each in self.database[NOTES.name].find()}
        assert notes == transfers
        assert await self.store.balance(BOB.id) == len(transfers)


@pytest.fixture
async def three() -> AsyncIterator[ReplicaSet]:
    """Its ports are drawn by the process, so that two at work beside each other do not try the same ones."""
    async with replica_set(Random(os.getpid())) as formed:  # noqa: S311 - no secret
        yield formed


@pytest.fixture
async def ledger(three: ReplicaSet) -> AsyncIterator[Ledger]:
    """Connected as the product is: to the set, not to one of it."""
    client, database = mongo.connect(three.uri, "failover")
    async with client:
        store = await ledger_in(database)
        await ensure_collections(database, [NOTES])
        yield Ledger(database, store)


async def strike(three: ReplicaSet, old: Member, how: str) -> None:
    """A lone primary has lost its followers first, and so dies with writes that it could not promise to anybody."""
    if how == "frozen":
        old.freeze()
        return
    followers = three.others(old) if how == "killed alone" else []
    for follower in followers:
        follower.freeze()
    if followers:
        await until(old.is_ahead)
    await asyncio.to_thread(old.kill)
    for follower in followers:
        follower.wake()


def raise_up(old: Member, how: str) -> None:
    if how == "frozen":
        old.wake()
    else:
        old.start()


async def lose_the_primary(three: ReplicaSet, load: Load, random: Random, how: str) -> None:
    """Struck in the middle of the load, and raised up when the others serve it; all three are well at the end."""
    await load.until_posted(random.randint(100, 400))
    old = await three.primary()
    await strike(three, old, how)
    await load.ask_in_a_hurry()  # these may still go into a batch that then hangs; the next wait behind it
    hurried = await load.ask_in_a_hurry()
    await three.others_elect(old)
    await load.until_posted(100)
    raise_up(old, how)
    await load.until_posted(100)
    await three.gather()
    if how == "frozen":
        assert set(hurried) == {Overloaded}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["killed", "killed alone", "frozen"])
async def test_nothing_acknowledged_is_lost_with_the_primary(
    three: ReplicaSet, ledger: Ledger, random: Random, how: str, *, full: bool
) -> None:
    async with open_door(ledger.store) as door:
        await door.submit(Change(BOOK, (transfer("fund", BANK, ALICE, 10**9),)))
        for round_number in range(10 if full else 1):
            load = Load(door, f"r{round_number}")
            async with asyncio.TaskGroup() as group:
                group.create_task(load.run())
                await lose_the_primary(three, load, random, how)
                load.over = True
            assert load.latest_s < LATE_S
            await ledger.require_true(load)
            await ledger.require_sound()
            await three.agree_on(ledger.database.name)
