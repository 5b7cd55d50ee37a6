"""What the ledger's tests begin with: a few accounts, short words for transactions, and an open door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from app.clock import Clock, SystemClock
from app.ledger.accounts import Account, customer_account, system_account
from app.ledger.committer import Committer
from app.ledger.deciding import open_lanes
from app.ledger.store import COLLECTIONS, LedgerStore
from app.ledger.transactions import Leg, Transaction, credit, debit
from app.money import BTC, USD, Money
from app.plumbing.collections import ensure_collections

Database = AsyncDatabase[dict[str, Any]]

BOOK = "default"
AT = datetime(2026, 11, 20, 5, tzinfo=UTC)
BANK = system_account(BOOK, "bank", USD)
CUSTODY = system_account(BOOK, "custody", BTC)
ALICE = customer_account(f"{BOOK}/acc_alice", USD, "usr_alice")
BOB = customer_account(f"{BOOK}/acc_bob", USD, "usr_bob")
COINS = customer_account(f"{BOOK}/acc_coins", BTC, "usr_alice")


def usd(minor: int) -> Money:
    return Money(minor, USD)


def btc(minor: int) -> Money:
    return Money(minor, BTC)


def txn(name: str) -> str:
    return f"{BOOK}/txn_{name}"


def posting(name: str, *legs: Leg, **fields: Any) -> Transaction:
    return Transaction(txn(name), fields.pop("kind", "transfer"), legs, **fields)


def transfer(name: str, source: Account | str, destination: Account | str, minor: int, **fields: Any) -> Transaction:
    return posting(name, debit(source, usd(minor)), credit(destination, usd(minor)), **fields)


def capture(name: str, hold: str, source: Account, destination: Account, minor: int, **fields: Any) -> Transaction:
    return transfer(name, source, destination, minor, hold_ids=(txn(hold),), kind="capture", **fields)


async def ledger_in(database: Database) -> LedgerStore:
    """The ledger's collections, made in that database."""
    await ensure_collections(database, COLLECTIONS)
    return LedgerStore(database.client, database)


def door_to(store: LedgerStore, clock: Clock, random: Random) -> Committer:
    """A door to the ledger that the store reads."""
    return Committer(open_lanes(store._database, clock, random))


@asynccontextmanager
async def open_door(store: LedgerStore, clock: Clock | None = None, seed: int = 1) -> AsyncIterator[Committer]:
    """A committer that runs; on the way out it is closed and drained."""
    door = door_to(store, clock or SystemClock(), Random(seed))  # noqa: S311 - jitter that a seed repeats
    async with asyncio.TaskGroup() as group:
        group.create_task(door.run())
        try:
            yield door
        finally:
            door.close()


async def until(condition: Any, deadline_s: float = 10.0) -> None:
    """Wait for a condition, at most that long; an asynchronous one is awaited."""
    async with asyncio.timeout(deadline_s):
        while True:
            answer = condition()
            if await answer if asyncio.iscoroutine(answer) else answer:
                return
            await asyncio.sleep(0.002)
