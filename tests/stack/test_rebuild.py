"""Snapshots are made again from the transactions, every difference by name, and never while somebody writes."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from app.clock import ManualClock
from app.ledger import verbs
from app.ledger.rebuild import Derivation
from app.ledger.store import LedgerStore
from app.ledger.transactions import credit, debit, hold
from app.settings import Settings
from app.stack import rebuilding
from app.stack.folder import Folder
from app.stack.problem import Problem
from tests.ledger.given import (
    ALICE,
    AT,
    BANK,
    BOB,
    Database,
    capture,
    ledger_in,
    open_door,
    posting,
    transfer,
    txn,
    usd,
)
from tests.stack.test_command_line import refused, wallet

ONE = Decimal128("1")


@pytest.fixture
def settings(mongodb_uri: str, redis_url: str, database: Database) -> Settings:
    given = {"mongodb_uri": mongodb_uri, "mongodb_database": database.name, "redis_url": redis_url}
    return Settings.model_validate(given)


@pytest.fixture
async def store(database: Database) -> LedgerStore:
    """Books with some of everything, and two committers at one instant, gone again."""
    store = await ledger_in(database)
    clock = ManualClock(AT)
    async with open_door(store, clock) as door:
        await verbs.post(door, transfer("fund", BANK, ALICE, 10_000))
        await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000)))
        await verbs.post(door, capture("part", "hold", ALICE, BOB, 1_000))
        await verbs.post(door, hold(txn("spare"), ALICE, BOB, usd(500)))
        await verbs.release_hold(door, store, txn("spare"))
        await verbs.post(door, posting("twice", debit(ALICE, usd(70)), credit(BOB, usd(50)), credit(BOB, usd(20))))
    async with open_door(store, clock, seed=2) as one, open_door(store, clock, seed=3) as two:
        for number in range(3):
            await verbs.post(one, transfer(f"one{number}", ALICE, BOB, 1))
            await verbs.post(two, transfer(f"two{number}", BOB, ALICE, 1))
    await database["streams"].update_many({}, {"$set": {"lease_until": AT}})
    return store


async def accounts(database: Database) -> dict[str, dict[str, Any]]:
    return {document["_id"]: document async for document in database["accounts"].find()}


async def test_sound_books_differ_nowhere(settings: Settings, store: LedgerStore) -> None:
    found = await rebuilding.rebuilt(settings, swap=False)
    assert rebuilding.is_sound(found)
    assert rebuilding.told(found, swap=False) == ["12 transactions, 3 accounts, 0 differ"]


async def test_every_difference_is_named_and_nothing_is_touched(
    database: Database, settings: Settings, store: LedgerStore
) -> None:
    edits = {"balance": ONE, "held": ONE, "seq": 99, "last_transaction_id": "default/txn_no"}
    await database["accounts"].update_one({"_id": ALICE.id}, {"$set": edits})
    before = await accounts(database)
    found = await rebuilding.rebuilt(settings, swap=False)
    assert not rebuilding.is_sound(found)
    assert rebuilding.told(found, swap=False) == [
        "account acc_alice: balance is 1, its transactions say 8930",
        "account acc_alice: held is 1, its transactions say 2000",
        "account acc_alice: seq is 99, its transactions say 9",
        "account acc_alice: last_transaction_id is default/txn_no, its transactions say default/txn_two2",
        "12 transactions, 3 accounts, 1 differ",
    ]
    assert await accounts(database) == before
    assert "accounts_rebuilt" not in await database.list_collection_names()


async def test_what_differs_is_replaced_and_what_transactions_do_not_tell_is_kept(
    database: Database, settings: Settings, store: LedgerStore
) -> None:
    sound = await accounts(database)
    edits: dict[str, Any] = {"balance": 1.5, "held": ONE, "seq": 99, "last_transaction_id": None, "status": "frozen"}
    for account_id in (ALICE.id, BOB.id):
        await database["accounts"].update_one({"_id": account_id}, {"$set": edits}, bypass_document_validation=True)
    found = await rebuilding.rebuilt(settings, swap=True)
    assert rebuilding.is_sound(found)
    assert rebuilding.told(found, swap=True)[-1] == "12 transactions, 3 accounts, 2 differ, 2 replaced"
    for account_id, document in (await accounts(database)).items():
        kept = {"status": "frozen", "version": sound[account_id]["version"] + 1}
        assert document == {**sound[account_id], **(kept if account_id in (ALICE.id, BOB.id) else {})}
    assert (await store.audit()).breaks == []
    assert rebuilding.told(await rebuilding.rebuilt(settings, swap=True), swap=True)[-1].endswith(
        "0 differ, 0 replaced"
    )


async def test_what_no_transaction_can_bring_back_is_named(
    database: Database, settings: Settings, store: LedgerStore
) -> None:
    await database["accounts"].delete_one({"_id": BOB.id})
    found = await rebuilding.rebuilt(settings, swap=True)
    assert found.lost == ["account acc_bob is missing"]
    assert not rebuilding.is_sound(found)


async def test_nothing_is_derived_from_a_damaged_transaction(
    database: Database, settings: Settings, store: LedgerStore
) -> None:
    damage = {"$set": {"legs.0.amount": ONE}}
    await database["transactions"].update_one({"_id": txn("twice")}, damage, bypass_document_validation=True)
    await database["accounts"].update_one({"_id": BOB.id}, {"$set": {"seq": 99}})
    found = await rebuilding.rebuilt(settings, swap=True)
    assert found.lost[0].startswith("transaction txn_twice is damaged: ")
    assert not rebuilding.is_sound(found)
    assert (await accounts(database))[BOB.id]["seq"] == 99


async def test_the_order_in_which_transactions_are_read_does_not_matter(database: Database, store: LedgerStore) -> None:
    stored = await database["transactions"].find().to_list()
    derived = []
    for documents in (stored, stored[::-1], sorted(stored, key=lambda each: each["fingerprint"])):
        derivation = Derivation()
        for document in documents:
            derivation.take(document)
        derivation.finish()
        derived.append(derivation.accounts)
    assert derived[0] == derived[1] == derived[2]


@pytest.mark.parametrize("collection", ["streams", "sagas"])
async def test_a_live_lease_is_respected(
    database: Database, settings: Settings, store: LedgerStore, collection: str
) -> None:
    await database[collection].update_one(
        {"_id": "default/any"},
        {"$set": {"lease_until": datetime(2100, 1, 1, tzinfo=UTC)}},
        upsert=True,
    )
    with pytest.raises(Problem, match=r"until 2100-01-01T00:00:00.000Z: end it, or wait"):
        await rebuilding.rebuilt(settings, swap=True)


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[Folder]:
    """A folder whose supervisor is gone and whose worker is not."""
    folder = Folder.at(tmp_path)
    folder.make()
    (folder.root / "lock").touch()
    (folder.root / "mongodb").mkdir()
    sleeper = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", sleeper, str(folder.root)], stdin=subprocess.PIPE) as process:
        folder.note("worker.pid", str(process.pid))
        yield folder
        process.kill()


def test_a_worker_that_was_left_behind_is_respected(left_behind: Folder, mongodb_uri: str) -> None:
    for environment in ({}, {"WALLET_MONGODB_URI": mongodb_uri}):
        sentence = refused(wallet("rebuild", "--data", str(left_behind.root), environment=environment))
        assert sentence.startswith(f"The worker of {left_behind.root} still runs")


def test_a_running_stack_is_respected(tmp_path: Path, mongodb_uri: str) -> None:
    folder = Folder.at(tmp_path)
    with folder.locked():
        (folder.root / "mongodb").mkdir()
        for environment in ({}, {"WALLET_MONGODB_URI": mongodb_uri}):
            sentence = refused(wallet("rebuild", "--data", str(tmp_path), environment=environment))
            assert sentence.startswith(f"A stack is running in {folder.root}")


def test_a_folder_without_books_is_refused(tmp_path: Path) -> None:
    assert refused(wallet("rebuild", "--data", str(tmp_path))).startswith(f"There are no books in {tmp_path}")


def test_a_stopped_folder_is_opened_rebuilt_and_left_as_it_was(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path / "data")
    with folder.locked():
        (folder.root / "mongodb").mkdir()
    rebuilt = wallet("rebuild", "--data", str(folder.root))
    assert (rebuilt.returncode, rebuilt.stdout) == (0, "0 transactions, 0 accounts, 0 differ\n")
    assert not list(folder.run.glob("*.pid"))
    with folder.locked():
        pass


async def test_books_that_differ_are_told_by_the_exit_code(
    mongodb_uri: str, tmp_path: Path, database: Database, store: LedgerStore
) -> None:
    await database["accounts"].update_one({"_id": BOB.id}, {"$set": {"seq": 99}})
    named = {"WALLET_MONGODB_URI": mongodb_uri, "WALLET_MONGODB_DATABASE": database.name}
    codes = []
    for option in ([], ["--swap"], []):
        done = await asyncio.to_thread(wallet, "rebuild", "--data", str(tmp_path), *option, environment=named)
        codes.append(done.returncode)
    assert codes == [1, 0, 0]
