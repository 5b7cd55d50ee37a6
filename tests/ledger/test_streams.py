"""Streams are leased: of two owners exactly one goes on; slots are used again; our own accounts are striped.

And of two who decided on the same reading, on whatever streams, exactly one is right.
"""

import asyncio
from collections import Counter

import pytest

from app.errors import StaleGuard
from app.ids import base_id, public_id
from app.ledger import verbs
from app.ledger.accounts import Account, customer_account, system_account
from app.ledger.changes import ABSENT, Change, Companion, Posted
from app.ledger.committer import Committer
from app.ledger.outcomes import BatchTransient
from app.ledger.store import LedgerStore
from app.ledger.stream_store import StreamStore
from app.ledger.streams import SLOTS_MAX
from app.money import USD
from app.plumbing.collections import CollectionSpec, ensure_collections
from tests.ledger.given import ALICE, BANK, BOB, BOOK, Database, open_door, transfer, txn


async def end_lease(database: Database, slot: str = "str_0") -> None:
    """What the passing of ten seconds does."""
    await database["streams"].update_one({"_id": f"{BOOK}/{slot}"}, [{"$set": {"lease_until": "$$NOW"}}])


async def settle_in(door: Committer) -> None:
    """Two commits: between them the lease is renewed, and then not for seconds."""
    await verbs.post(door, transfer("fund", BANK, ALICE, 60))
    await verbs.post(door, transfer("fund more", BANK, ALICE, 40))


async def test_a_stream_that_was_given_back_is_used_again(database: Database, store: LedgerStore) -> None:
    for name in ("one", "two", "three"):
        async with open_door(store) as door:
            await verbs.post(door, transfer(name, BANK, ALICE, 1))
    streams = await database["streams"].find().to_list()
    assert [(stream["_id"], stream["epoch"], stream["n"]) for stream in streams] == [(f"{BOOK}/str_0", 3, 3)]
    assert (await store.audit()).breaks == []


async def test_two_committers_have_a_stream_each(database: Database, store: LedgerStore) -> None:
    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        await asyncio.gather(
            verbs.post(one, transfer("one", BANK, ALICE, 1)), verbs.post(two, transfer("two", BANK, BOB, 1))
        )
    assert await database["streams"].count_documents({}) == 2
    assert (await store.audit()).breaks == []


@pytest.mark.parametrize("first", ["old", "new"])
async def test_of_two_owners_of_one_stream_exactly_one_goes_on_with_it(
    database: Database, store: LedgerStore, first: str
) -> None:
    async with open_door(store, seed=1) as old, open_door(store, seed=2) as new:
        await settle_in(old)
        await end_lease(database)
        if first == "new":
            await verbs.post(new, transfer("new", ALICE, BOB, 1))
            await verbs.post(old, transfer("old", ALICE, BOB, 1))
        else:
            await verbs.post(old, transfer("old", ALICE, BOB, 1))
            await verbs.post(new, transfer("new", ALICE, BOB, 1))
        await asyncio.gather(*(verbs.post((old, new)[n % 2], transfer(f"t{n}", ALICE, BOB, 1)) for n in range(20)))
    streams = {stream["_id"]: stream for stream in await database["streams"].find().to_list()}
    assert len(streams) == 2
    assert streams[f"{BOOK}/str_0"]["epoch"] == 2
    assert (await store.audit()).breaks == []
    assert await store.balance(BOB.id) == 22


async def test_an_owner_that_was_taken_over_writes_nothing_on_the_stream_it_lost(
    database: Database, store: LedgerStore
) -> None:
    async with open_door(store, seed=1) as old, open_door(store, seed=2) as new:
        await settle_in(old)
        await end_lease(database)
        await verbs.post(new, transfer("new", ALICE, BOB, 1))
        await verbs.post(old, transfer("old", ALICE, BOB, 1))
    late = await store.transaction(txn("old"))
    assert late is not None
    assert late["position"]["stream"] == "str_1"


async def test_there_are_only_so_many_slots(database: Database, store: LedgerStore) -> None:
    streams = StreamStore(database)
    claimed = []
    for _ in range(SLOTS_MAX):
        claimed.append(await streams.claim(BOOK, "com_somebody"))
        await database["streams"].update_many({}, [{"$set": {"lease_until": {"$add": ["$$NOW", 600_000]}}}])
    assert len({stream.id for stream in claimed}) == SLOTS_MAX
    with pytest.raises(BatchTransient):
        await streams.claim(BOOK, "com_one_too_many")
    await streams.give_back(claimed[7])
    assert (await streams.claim(BOOK, "com_next")).id == claimed[7].id


async def test_our_own_accounts_are_kept_once_for_every_stream_and_add_up(store: LedgerStore) -> None:
    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        await verbs.post(one, transfer("one", BANK, ALICE, 5))
        await verbs.post(two, transfer("two", BANK, BOB, 7))
        await verbs.post(two, transfer("one", BANK, ALICE, 5))
    assert await store.balance(BANK.id) == -12
    stored = await store.transaction(txn("two"))
    assert stored is not None
    assert stored["source_account_id"] == f"{BANK.id}~str_1"
    assert (base_id(stored["source_account_id"]), public_id(stored["source_account_id"])) == (BANK.id, "acc_bank-USD")


async def test_what_a_saga_left_on_the_way_is_added_up_over_the_stripes(store: LedgerStore) -> None:
    pending = system_account(BOOK, "pending", USD)
    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        await verbs.post(one, transfer("pulled", BANK, pending, 5, saga_id="default/sag_one"))
        await verbs.post(two, transfer("settled", pending, ALICE, 5, saga_id="default/sag_one"))
    assert dict((await store.audit()).transit["default/sag_one"]) == {pending.id: 0}


async def test_a_companion_needs_no_transaction_to_be_chained(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    await ensure_collections(database, [CollectionSpec("notes")])
    note = Companion("notes", f"{BOOK}/one", ABSENT, {"version": 1})
    assert isinstance(await door.submit(Change(BOOK, companions=(note,))), Posted)
    assert await database["blocks"].count_documents({"transaction_ids": []}) == 1
    assert (await store.audit()).breaks == []


@pytest.mark.parametrize("doors", [1, 2])
async def test_of_two_withdrawals_under_one_condition_over_both_accounts_exactly_one_passes(
    database: Database, store: LedgerStore, doors: int
) -> None:
    """Write skew: each reads both accounts and writes one. Sixty of a hundred and twenty may go, not all of them."""
    await ensure_collections(database, [CollectionSpec("promises")])
    savings = customer_account(f"{BOOK}/acc_savings", USD, "usr_alice")
    promise = f"{BOOK}/promise_alice"

    async def withdrawal(name: str, source: Account) -> Change | None:
        kept = await database["promises"].find_one({"_id": promise})
        assert kept is not None
        if await store.balance(ALICE.id) + await store.balance(savings.id) - 60 < kept["at_least"]:
            return None
        guard = Companion("promises", promise, {"version": kept["version"]}, {"version": kept["version"] + 1})
        return Change(BOOK, (transfer(name, source, BANK, 60),), (guard,))

    async with open_door(store, seed=1) as one, open_door(store, seed=2) as two:
        await verbs.post(one, transfer("fund", BANK, ALICE, 60), transfer("fund savings", BANK, savings, 60))
        made = Companion("promises", promise, ABSENT, {"version": 1, "at_least": 40})
        await one.submit(Change(BOOK, companions=(made,)))
        asked = [await withdrawal("dollars", ALICE), await withdrawal("savings", savings)]
        told = await asyncio.gather(
            *((one, two)[n % doors].submit(change) for n, change in enumerate(asked) if change is not None),
            return_exceptions=True,
        )
        assert Counter(type(verdict) for verdict in told) == {Posted: 1, StaleGuard: 1}
        assert await withdrawal("again", ALICE) is None
    assert await store.balance(ALICE.id) + await store.balance(savings.id) == 60
    assert (await store.audit()).breaks == []
