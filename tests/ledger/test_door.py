import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from pymongo import ASCENDING, IndexModel

from app.clock import ManualClock, SystemClock
from app.errors import IdempotencyKeyReused, InsufficientFunds, OutcomeUnresolved, Overloaded, StaleGuard
from app.ledger import verbs
from app.ledger.accounts import customer_account, receivable
from app.ledger.changes import ABSENT, Change, Companion, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.outcomes import BatchPoisoned
from app.ledger.store import LedgerStore
from app.ledger.transactions import Transaction, credit, debit
from app.money import USD
from app.plumbing.collections import CollectionSpec, ensure_collections
from tests.ledger.given import (
    ALICE,
    AT,
    BANK,
    BOB,
    BOOK,
    Database,
    door_to,
    open_door,
    posting,
    transfer,
    txn,
    until,
    usd,
)

NOTES = CollectionSpec("notes", schema={"bsonType": "object", "properties": {"text": {"bsonType": "string"}}})


async def fund(door: Committer, minor: int = 10_000) -> None:
    await verbs.post(door, transfer("fund", BANK, ALICE, minor))


async def outcomes(submissions: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    return await asyncio.gather(*submissions, return_exceptions=True)


async def balance(store: LedgerStore, account_id: str) -> int:
    account = await store.account(account_id)
    return account.balance if account else 0


async def batches(database: Database) -> int:
    """How many commits there were: each has its block."""
    return await database["blocks"].count_documents({})


async def assert_sound(store: LedgerStore) -> None:
    assert (await store.audit()).breaks == []


async def test_what_waits_at_the_same_moment_shares_a_commit(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await fund(door)
    before = await batches(database)
    posted = await outcomes([verbs.post(door, transfer(f"t{n}", ALICE, BOB, 1)) for n in range(500)])
    assert {type(each) for each in posted} == {Posted}
    assert await batches(database) - before <= 4
    assert await balance(store, BOB.id) == 500
    await assert_sound(store)


async def test_every_change_of_a_batch_gets_its_own_verdict(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await fund(door, 100)
    before = await batches(database)
    verdicts = await outcomes(
        [
            verbs.post(door, transfer("one", ALICE, BOB, 60)),
            verbs.post(door, transfer("two", ALICE, BOB, 60)),
            verbs.post(door, transfer("three", BOB, ALICE, 60)),  # spends what the first one brought
            verbs.post(door, transfer("one", ALICE, BOB, 60)),
            verbs.post(door, transfer("one", ALICE, BOB, 61)),
            door.submit(Change(BOOK, companions=(Companion("holds", "default/none", {"version": 1}, {}),))),
            verbs.post(door, transfer("two", ALICE, BOB, 60)),  # the refused one left no trace
        ]
    )
    expected = [Posted, InsufficientFunds, Posted, Duplicate, IdempotencyKeyReused, StaleGuard, Posted]
    assert [type(verdict) for verdict in verdicts] == expected
    assert await batches(database) - before == 1
    assert (await balance(store, ALICE.id), await balance(store, BOB.id)) == (40, 60)
    await assert_sound(store)


async def test_the_same_again_answers_with_the_first_one_for_ever(store: LedgerStore, door: Committer) -> None:
    await fund(door)
    first = await verbs.post(door, transfer("one", ALICE, BOB, 5, metadata={"note": "rent"}))
    async with open_door(store) as another:
        again = await verbs.post(another, transfer("one", ALICE, BOB, 5, metadata={"note": "rent"}))
    assert isinstance(again, Duplicate)
    assert again.transactions == first.transactions
    assert await balance(store, BOB.id) == 5


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (transfer("one", ALICE, BOB, 6), "amount"),
        (transfer("one", ALICE, BANK, 5), "dest_account_id"),
        (transfer("one", ALICE, BOB, 5, metadata={"note": "rent"}), "metadata"),
        (transfer("one", ALICE, BOB, 5, kind="fee"), "kind"),
    ],
)
async def test_a_key_with_other_content_is_refused_and_names_the_field(
    door: Committer, other: Transaction, field: str
) -> None:
    await fund(door)
    await verbs.post(door, transfer("one", ALICE, BOB, 5))
    with pytest.raises(IdempotencyKeyReused) as refusal:
        await verbs.post(door, other)
    assert refusal.value.facts == {"field": field}


async def test_a_companion_becomes_true_with_its_posting_or_not_at_all(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await ensure_collections(database, [NOTES])
    await fund(door)
    new = Companion("notes", "default/note", ABSENT, {"version": 1, "text": "new", "kept": True})
    await door.submit(Change(BOOK, (transfer("one", ALICE, BOB, 1),), (new,)))
    moved = Companion("notes", "default/note", {"version": 1}, {"version": 2, "text": "moved"})
    with pytest.raises(InsufficientFunds):
        await door.submit(Change(BOOK, (transfer("two", ALICE, BOB, 10**6),), (moved,)))
    await door.submit(Change(BOOK, (transfer("two", ALICE, BOB, 1),), (moved,)))
    with pytest.raises(StaleGuard):
        await door.submit(Change(BOOK, (transfer("three", ALICE, BOB, 1),), (moved,)))
    with pytest.raises(StaleGuard):
        await door.submit(Change(BOOK, companions=(new,)))
    note = await database["notes"].find_one({})
    assert note == {"_id": "default/note", "version": 2, "text": "moved", "kept": True}
    assert await balance(store, BOB.id) == 2


async def test_of_many_who_read_the_same_version_one_writes(database: Database, store: LedgerStore) -> None:
    await ensure_collections(database, [NOTES])
    await database["notes"].insert_one({"_id": "default/note", "version": 1})
    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        claim = Change(BOOK, companions=(Companion("notes", "default/note", {"version": 1}, {"version": 2}),))
        verdicts = await outcomes([each.submit(claim) for each in (one, two) * 10])
    kinds = [type(verdict) for verdict in verdicts]
    assert (kinds.count(Posted), kinds.count(StaleGuard)) == (1, 19)


POISON = {
    "what its validator refuses": {"text": 5},
    "an integer beyond 64 bits": {"number": 2**64},
    "text that UTF-8 cannot hold": {"other": "\ud800"},
    "what BSON cannot hold": {"object": object()},
    "more than a document may hold": {"other": "x" * (17 * 1024 * 1024)},
    "an operator for a name": {"$where": 1},
}


@pytest.mark.parametrize("document", POISON.values(), ids=POISON)
async def test_a_change_that_cannot_be_stored_is_answered_alone(
    database: Database, store: LedgerStore, door: Committer, document: dict[str, Any]
) -> None:
    await ensure_collections(database, [NOTES])
    await database["notes"].insert_one({"_id": "default/note", "version": 1})
    await fund(door)
    poison = Companion("notes", "default/note", {"version": 1}, {**document, "version": 2})
    submissions = [verbs.post(door, transfer(f"t{n}", ALICE, BOB, 1)) for n in range(20)]
    submissions.insert(7, door.submit(Change(BOOK, (transfer("poison", ALICE, BOB, 1),), (poison,))))
    verdicts = await outcomes(submissions)
    assert isinstance(verdicts.pop(7), BatchPoisoned)
    assert {type(verdict) for verdict in verdicts} == {Posted}
    assert await balance(store, BOB.id) == 20
    assert await store.transaction(txn("poison")) is None
    await assert_sound(store)


async def test_a_damaged_account_stops_only_those_who_touch_it(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await fund(door)
    await verbs.post(door, transfer("one", ALICE, BOB, 5))
    damage = {"$set": {"balance": 5.0}}
    await database["accounts"].update_one({"_id": BOB.id}, damage, bypass_document_validation=True)
    async with open_door(store, seed=2) as other:
        transfers = [transfer(f"t{n}", ALICE, (BANK, BOB)[n % 2], 1) for n in range(8)]
        verdicts = await outcomes([verbs.post(other, each) for each in transfers])
    assert [type(verdict) for verdict in verdicts] == [Posted, BatchPoisoned] * 4


async def test_what_is_remembered_of_an_account_never_decides_a_refusal(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await fund(door)
    await verbs.post(door, transfer("one", ALICE, BOB, 5))
    async with open_door(store, seed=2) as other:
        await verbs.post(other, transfer("back", BOB, ALICE, 5))
        await verbs.post(other, transfer("all", ALICE, BOB, 100))
        await verbs.post(other, transfer("half", BOB, ALICE, 50))
    assert isinstance(await verbs.post(door, transfer("two", BOB, ALICE, 50)), Posted)
    assert isinstance(await verbs.post(door, transfer("three", ALICE, BOB, 100)), Posted)
    await assert_sound(store)


async def test_a_second_document_under_a_unique_key_is_answered_alone_and_soon(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    unique = CollectionSpec("notes", indexes=(IndexModel([("key", ASCENDING)], unique=True),))
    await ensure_collections(database, [unique])
    await database["notes"].insert_one({"_id": "default/first", "key": "k", "version": 1})
    await fund(door)
    second = Companion("notes", "default/second", ABSENT, {"key": "k", "version": 1})
    verdicts = await outcomes(
        [
            verbs.post(door, transfer("one", ALICE, BOB, 1)),
            door.submit(Change(BOOK, companions=(second,)), deadline_s=3),
            verbs.post(door, transfer("two", ALICE, BOB, 1)),
        ]
    )
    assert [type(verdict) for verdict in verdicts] == [Posted, BatchPoisoned, Posted]


async def test_an_account_that_is_frozen_in_the_batch_that_pays_from_it_holds_nobody_up(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await fund(door)
    account = await store.account(ALICE.id)
    assert account is not None
    freeze = Companion(
        "accounts", ALICE.id, {"version": account.version}, {"status": "frozen", "version": account.version + 1}
    )
    verdicts = await outcomes(
        [
            verbs.post(door, transfer("one", BANK, BOB, 1)),
            door.submit(Change(BOOK, companions=(freeze,)), deadline_s=5),
            verbs.post(door, transfer("two", BANK, ALICE, 1)),
        ]
    )
    assert type(verdicts[0]) is Posted
    assert not any(isinstance(verdict, Overloaded | OutcomeUnresolved) for verdict in verdicts)
    await assert_sound(store)


async def test_a_fact_on_an_account_that_it_opens_finds_what_its_owner_owes_already(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    second = customer_account(f"{BOOK}/acc_second", USD, "usr_alice")
    await verbs.post(door, transfer("fund", BANK, ALICE, 1))
    await door.submit(Change(BOOK, (transfer("one", ALICE, BANK, 3),), fact=True))
    await door.submit(Change(BOOK, (transfer("two", second, BANK, 3),), fact=True), deadline_s=5)
    opened = Change(BOOK, (transfer("three", BANK, BOB, 1),), openings=(second,))
    fact = Change(BOOK, (transfer("four", second.id, BANK, 3),), fact=True)
    await asyncio.gather(door.submit(opened), door.submit(fact, deadline_s=5))
    assert await balance(store, receivable(BOOK, "usr_alice", USD).id) == -8
    assert await database["cases"].count_documents({"status": "open"}) == 3
    await assert_sound(store)


async def test_the_largest_fact_can_be_read_back_after_it_was_split(store: LedgerStore, door: Committer) -> None:
    await verbs.post(door, transfer("fund", BANK, ALICE, 1))
    legs = (debit(ALICE, usd(63)), *(credit(BANK, usd(1)) for _ in range(63)))
    await door.submit(Change(BOOK, (posting("large", *legs),), fact=True))
    await assert_sound(store)
    await verbs.reverse(door, store, txn("large"))
    await assert_sound(store)


async def test_a_deadline_tells_what_was_never_begun_from_what_may_be_done(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await fund(door)
    async with database.client.start_session() as session, await session.start_transaction():
        await database["accounts"].update_one({"_id": ALICE.id}, {"$set": {"name": "x"}}, session=session)
        begun = asyncio.ensure_future(door.submit(Change(BOOK, (transfer("begun", ALICE, BOB, 1),)), deadline_s=0.3))
        await asyncio.sleep(0)  # it enters the queue
        await until(lambda: not door._queue)
        with pytest.raises(Overloaded):
            await door.submit(Change(BOOK, (transfer("queued", ALICE, BOB, 1),)), deadline_s=0.1)
        with pytest.raises(OutcomeUnresolved):
            await begun
        await session.abort_transaction()
    assert isinstance(await verbs.post(door, transfer("later", ALICE, BOB, 1)), Posted)
    assert isinstance(await verbs.post(door, transfer("begun", ALICE, BOB, 1)), Duplicate)
    assert await store.transaction(txn("queued")) is None
    assert await balance(store, BOB.id) == 2


async def test_a_caller_who_leaves_while_queued_is_not_served(store: LedgerStore, random: Random) -> None:
    door = door_to(store, SystemClock(), random)
    async with asyncio.TaskGroup() as group:
        stays = group.create_task(verbs.post(door, transfer("stays", BANK, ALICE, 1)))
        leaves = group.create_task(verbs.post(door, transfer("leaves", BANK, ALICE, 1)))
        await until(lambda: len(door._queue) == 2)
        leaves.cancel()
        await asyncio.wait([leaves])
        group.create_task(door.run())
        await stays
        door.close()
    assert await store.transaction(txn("leaves")) is None
    assert await balance(store, ALICE.id) == 1


async def test_a_full_queue_turns_requests_away_but_never_a_fact(store: LedgerStore, random: Random) -> None:
    door = door_to(store, SystemClock(), random)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(door.submit(Change(BOOK), deadline_s=60)) for _ in range(4_096)]
        await until(lambda: len(door._queue) == 4_096)
        with pytest.raises(Overloaded):
            await verbs.post(door, transfer("request", BANK, ALICE, 1))
        fact = group.create_task(door.submit(Change(BOOK, (transfer("fact", BANK, ALICE, 1),), fact=True)))
        await until(lambda: len(door._queue) == 4_097)
        group.create_task(door.run())
        assert isinstance(await fact, Posted)
        door.close()
    assert all(isinstance(task.result(), Posted) for task in waiting)
    assert await store.transaction(txn("request")) is None


async def test_what_is_queued_when_the_door_closes_is_answered_and_nothing_after_it(store: LedgerStore) -> None:
    async with open_door(store) as door:
        tasks = [asyncio.ensure_future(verbs.post(door, transfer(f"t{n}", BANK, ALICE, 1))) for n in range(600)]
        await until(lambda: len(door._queue) > 0)
        door.close()
        with pytest.raises(Overloaded):
            await verbs.post(door, transfer("late", BANK, ALICE, 1))
    assert all(task.done() and isinstance(task.result(), Posted) for task in tasks)
    assert await balance(store, ALICE.id) == 600


async def test_two_committers_on_the_same_accounts_both_finish_and_the_sums_are_right(store: LedgerStore) -> None:
    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        await fund(one, 300)
        verdicts = await outcomes([verbs.post((one, two)[n % 2], transfer(f"t{n}", ALICE, BOB, 1)) for n in range(400)])
    kinds = [type(verdict) for verdict in verdicts]
    assert (kinds.count(Posted), kinds.count(InsufficientFunds)) == (300, 100)
    assert (await balance(store, ALICE.id), await balance(store, BOB.id)) == (0, 300)
    await assert_sound(store)


async def test_one_id_through_two_committers_is_posted_by_one_and_known_to_the_other(store: LedgerStore) -> None:
    """The money is enough for each once: whoever comes second must not be told that funds are missing."""
    rounds = 40
    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        for n in range(rounds):
            customer = customer_account(f"{BOOK}/acc_c{n}", USD, "usr_c")
            await verbs.post(one, transfer(f"f{n}", BANK, customer, 1))
            pair = await outcomes([verbs.post(door, transfer(f"t{n}", customer, BOB, 1)) for door in (one, two)])
            assert {type(each) for each in pair} == {Posted, Duplicate}
    assert await balance(store, BOB.id) == rounds
    await assert_sound(store)


async def test_books_do_not_see_each_other(store: LedgerStore, door: Committer) -> None:
    def in_book(book: str) -> Transaction:
        legs = (debit(f"{book}/acc_bank", usd(1)), credit(f"{book}/acc_alice", usd(1)))
        return Transaction(f"{book}/txn_one", "transfer", legs)

    openings = {
        book: tuple(customer_account(f"{book}/acc_{name}", USD, "usr_a") for name in ("bank", "alice"))
        for book in ("red", "blue")
    }
    verdicts = await asyncio.gather(
        *(
            door.submit(Change(book, (in_book(book),), openings=openings[book], fact=True))
            for book in ("red", "blue", "red", "blue")
        )
    )
    assert [type(verdict) for verdict in verdicts] == [Posted, Posted, Duplicate, Duplicate]
    await assert_sound(store)


async def test_time_never_runs_backwards_in_the_books(store: LedgerStore) -> None:
    ahead, behind = ManualClock(AT + timedelta(hours=1)), ManualClock(AT)
    async with open_door(store, ahead, seed=1) as one:
        await verbs.post(one, transfer("one", BANK, ALICE, 5))
    async with open_door(store, behind, seed=2) as two:
        await verbs.post(two, transfer("two", BANK, ALICE, 6))
        behind.advance(7200)
        await verbs.post(two, transfer("three", BANK, ALICE, 7))
    moments = [AT, AT + timedelta(hours=1), AT + timedelta(hours=1, seconds=1), AT + timedelta(hours=2)]
    assert [await store.balance_at(ALICE.id, moment) for moment in moments] == [0, 11, 11, 18]
    account = await store.account(ALICE.id)
    assert account is not None
    assert account.updated_at == AT + timedelta(hours=2)
