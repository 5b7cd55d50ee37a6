"""What is compared must be comparable: the same documents, and books that are true where rules were kept."""

from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from app.clock import SystemClock
from app.errors import IdempotencyKeyReused
from app.ledger.store import LedgerStore
from bench.__main__ import main
from bench.loader import BETWEEN, History, write_history
from bench.naive import Naive
from bench.raw import Raw
from bench.world import FOUNDED_AT, MERCHANT, Draw, Transfers, customer, customer_id, found
from tests.ledger.given import open_door

Database = AsyncDatabase[dict[str, Any]]
CUSTOMERS = 10
LEDGER = ("transactions", "ledger_entries", "accounts")


@pytest.fixture
async def founded(database: Database) -> Database:
    """A ledger whose accounts are open and empty."""
    await found(database, (MERCHANT, *(customer(number) for number in range(CUSTOMERS))))
    return database


async def fields(database: Database, collection: str) -> set[str]:
    document = await database[collection].find_one({"last_transaction_id": {"$ne": None}})
    return set(document or ())


async def post_through_the_door(database: Database, transfers: Transfers, number: int) -> None:
    async with open_door(LedgerStore(database.client, database)) as door:
        for _ in range(number):
            await door.submit(transfers.next())


async def post_naively(database: Database, transfers: Transfers, number: int) -> None:
    naive = Naive(database.client, database, SystemClock())
    for _ in range(number):
        await naive.post(transfers.next())


@pytest.mark.parametrize("post", [post_through_the_door, post_naively])
@pytest.mark.parametrize("shared", ["", MERCHANT.id], ids=["uniform", "shared"])
async def test_books_are_true_where_rules_were_kept(founded: Database, post: Any, shared: str) -> None:
    await post(founded, Transfers(Draw(CUSTOMERS, shared=shared), "seed"), 12)
    audit = await LedgerStore(founded.client, founded).audit()
    breaks = [each for each in audit.breaks if "blocks" not in each]  # the naive way writes none
    assert (breaks, audit.transactions, audit.entries) == ([], 12, 24)


@pytest.mark.parametrize("inside", [True, False])
async def test_raw_writes_the_documents_of_the_door(founded: Database, inside: bool) -> None:  # noqa: FBT001 - a way of writing
    transfers = Transfers(Draw(CUSTOMERS), "seed")
    await Raw(founded.client, founded, SystemClock(), transfers, inside=inside).write(8)
    raw = [await fields(founded, collection) for collection in LEDGER]
    counts = [await founded[collection].count_documents({}) for collection in ("transactions", "ledger_entries")]
    for collection in LEDGER[:2]:
        await founded[collection].delete_many({})
    await found_again(founded)
    await post_through_the_door(founded, transfers, 1)
    assert raw == [await fields(founded, collection) for collection in LEDGER]
    assert counts == [8, 16]


async def found_again(database: Database) -> None:
    await database["accounts"].delete_many({})
    await found(database, (customer(number) for number in range(CUSTOMERS)))


async def test_the_naive_way_knows_a_transfer_again(founded: Database) -> None:
    naive = Naive(founded.client, founded, SystemClock())
    change, other = Transfers(Draw(CUSTOMERS), "same").next(), Transfers(Draw(CUSTOMERS), "other").next()
    await naive.post(change)
    await naive.post(change)
    assert await founded["transactions"].count_documents({}) == 1
    await founded["transactions"].update_one({}, {"$set": {"fingerprint": other.transactions[0].fingerprint}})
    with pytest.raises(IdempotencyKeyReused):
        await naive.post(change)


async def test_no_two_transfers_share_an_id() -> None:
    transfers = Transfers(Draw(CUSTOMERS), "seed")
    assert len({transfers.next_id() for _ in range(1_000)}) == 1_000


async def test_a_loaded_history_is_true_to_the_last_entry(database: Database) -> None:
    await found(database, ())
    history = History(pairs=450, transfers=3, deep=40)
    for first, last in ((0, 200), (200, 450)):
        await write_history(database, history, first, last)
    store = LedgerStore(database.client, database)
    audit = await store.audit()
    assert (audit.breaks, audit.entries) == ([], 450 * 3 * 2 + 2 * 37)
    assert await store.balance_at(customer_id(0), FOUNDED_AT) == 0
    assert await store.balance_at(customer_id(0), FOUNDED_AT + BETWEEN) == 100


async def test_transfers_can_follow_a_loaded_history(database: Database) -> None:
    await found(database, ())
    await write_history(database, History(pairs=5, transfers=2), 0, 5)
    await post_through_the_door(database, Transfers(Draw(CUSTOMERS), "seed"), 5)
    audit = await LedgerStore(database.client, database).audit()
    assert (audit.breaks, audit.transactions) == ([], 15)


@pytest.mark.parametrize("arguments", [["--quick", "scale"], ["--profile", "two"], ["dor"]])
def test_what_cannot_be_measured_is_refused_before_anything_starts(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
