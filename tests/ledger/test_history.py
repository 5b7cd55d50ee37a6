"""The books at a past instant are what they were then, however the entries lie, and however many there are."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import ManualClock
from app.ledger import verbs
from app.ledger.accounts import customer_account
from app.ledger.history import PROBES, Search
from app.ledger.store import LedgerStore
from app.ledger.transactions import credit, debit, hold
from app.money import USD
from tests.ledger.given import (
    ALICE,
    AT,
    BANK,
    BOB,
    BOOK,
    COINS,
    CUSTODY,
    Database,
    btc,
    open_door,
    posting,
    transfer,
    txn,
    usd,
)

MOMENTS = [AT - timedelta(seconds=1), *(AT + timedelta(seconds=each) for each in range(8))]


def found(search: Search, last: int) -> int:
    """How many looks a search takes where that entry is the last in time; the balance after entry n is -n."""
    looks = 0
    while probes := search.probes():
        looks += 1
        assert len(probes) <= 2 * PROBES
        assert probes == sorted(set(probes))
        assert search.seq < probes[0] <= probes[-1] < search.beyond
        in_time = [seq for seq in probes if seq <= last]
        search.narrow(probes, (in_time[-1], -in_time[-1]) if in_time else None)
    assert (search.seq, search.balance) == (last, -last)
    return looks


@given(st.integers(0, 10**12).flatmap(lambda entries: st.tuples(st.just(entries), st.integers(0, entries))))
def test_a_search_ends_at_the_last_entry_in_time(drawn: tuple[int, int]) -> None:
    entries, last = drawn
    assert found(Search("default/acc_a", entries + 1), last) <= 10


@pytest.mark.parametrize(("entries", "looks_max"), [(0, 0), (1, 1), (80, 1), (3_000, 2), (100_000, 3), (1_000_000, 4)])
def test_the_looks_grow_with_the_logarithm_of_the_entries(entries: int, looks_max: int) -> None:
    for last in range(0, entries + 1, max(1, entries // 97)):
        assert found(Search("default/acc_a", entries + 1), last) <= looks_max


@pytest.fixture
async def lived(store: LedgerStore) -> LedgerStore:
    """Seven seconds of dollars and coins; several batches may share one time."""
    clock = ManualClock(AT)
    async with open_door(store, clock) as door:
        await verbs.post(door, transfer("in", BANK, ALICE, 10_000))
        await verbs.post(door, transfer("twice", ALICE, BOB, 1_000), transfer("thrice", BOB, ALICE, 300))
        for number in range(1, 50):
            clock.advance(0.1)
            await verbs.post(door, transfer(f"t{number}", ALICE, BOB, number))
        clock.advance(0.1)
        await verbs.post(door, posting("coins", debit(CUSTODY, btc(5)), credit(COINS, btc(5))))
    return store


async def scanned(database: Database, account_id: str, at: datetime) -> int:
    """The balance at an instant as the transactions add up to it."""
    total = 0
    async for transaction in database["transactions"].find({"timestamp": {"$lte": at}}):
        for leg in transaction["legs"]:
            if leg["account_id"] == account_id:
                amount = int(leg["amount"].to_decimal())
                total += amount if leg["side"] == "CR" else -amount
    return total


async def test_a_past_balance_is_what_the_transactions_until_then_add_up_to(
    database: Database, lived: LedgerStore
) -> None:
    moments = [*MOMENTS, *(AT + timedelta(milliseconds=each) for each in range(0, 5_100, 333))]
    accounts = [document["_id"] async for document in database["accounts"].find()]
    assert len(accounts) == 5
    for account_id in accounts:
        for moment in moments:
            assert await lived.balance_at(account_id, moment) == await scanned(database, account_id, moment)


async def test_a_hold_that_came_later_does_not_hide_the_last_entry(store: LedgerStore) -> None:
    clock = ManualClock(AT)
    async with open_door(store, clock) as door:
        await verbs.post(door, transfer("in", BANK, ALICE, 500))
        clock.advance(60)
        await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(100)))
    for moment in (AT, AT + timedelta(seconds=30), AT + timedelta(seconds=60)):
        assert await store.balance_at(ALICE.id, moment) == 500
        assert (await store.history.totals(BOOK, moment))[0].credits == 500
    assert await store.balance_at(ALICE.id, AT - timedelta(seconds=1)) == 0


async def test_an_account_that_never_was_had_nothing(store: LedgerStore) -> None:
    assert await store.balance_at("default/acc_nobody", AT) == 0


async def test_a_trial_balance_is_even_at_every_instant(database: Database, lived: LedgerStore) -> None:
    for moment in MOMENTS:
        totals = await lived.history.totals(BOOK, moment)
        assert all(each.debits == each.credits for each in totals)
        owed = {each.asset.code: each.credits for each in totals}
        assert owed.get("USD", 0) == sum([await scanned(database, each.id, moment) for each in (ALICE, BOB)])
        assert owed.get("BTC", 0) == await scanned(database, COINS.id, moment)
    assert await lived.history.totals(BOOK) == await lived.history.totals(BOOK, MOMENTS[-1])
    assert await lived.history.totals("another", MOMENTS[-1]) == []


async def test_a_trial_balance_searches_any_number_of_accounts(store: LedgerStore) -> None:
    clock = ManualClock(AT)
    async with open_door(store, clock) as door:
        for number in range(150):
            clock.advance(1)
            account = customer_account(f"{BOOK}/acc_{number}", USD, "usr_a")
            await verbs.post(door, transfer(f"o{number}", BANK, account, number + 1))
    (totals,) = await store.history.totals(BOOK, AT + timedelta(seconds=100))
    assert (totals.accounts, totals.debits, totals.credits) == (101, 5_050, 5_050)


async def test_statements_that_follow_each_other_share_a_balance(lived: LedgerStore) -> None:
    account = await lived.account(ALICE.id)
    assert account is not None
    for cut in MOMENTS:
        early = await lived.history.statement(account, MOMENTS[0], cut, None, 200)
        late = await lived.history.statement(account, cut, MOMENTS[-1], None, 200)
        assert early.closing == late.opening
        assert (early.opening, late.closing) == (0, account.balance)
        assert [entry["seq"] for entry in (*late.entries, *early.entries)] == list(range(account.seq, 0, -1))
        assert all(entry["timestamp"] < cut for entry in early.entries)
        assert all(entry["timestamp"] >= cut for entry in late.entries)


async def test_pages_of_a_statement_leave_nothing_out(lived: LedgerStore) -> None:
    account = await lived.account(BOB.id)
    assert account is not None
    seen: list[int] = []
    before: str | None = None
    since, until = AT + timedelta(seconds=1), AT + timedelta(seconds=3)
    while entries := (await lived.history.statement(account, since, until, before, 7)).entries:
        seen.extend(entry["seq"] for entry in entries)
        before = entries[-1]["_id"]
    assert seen == list(range(31, 11, -1))
