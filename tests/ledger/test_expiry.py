import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.clock import ManualClock
from app.errors import HoldExpired
from app.ledger import verbs
from app.ledger.accounts import Account
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.expiry import Expiry
from app.ledger.standing import Act, StandingChange
from app.ledger.store import LedgerStore
from app.ledger.transactions import hold
from tests.ledger.given import ALICE, AT, BANK, BOB, BOOK, Database, capture, open_door, transfer, txn, until, usd

SOON = AT + timedelta(minutes=10)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
async def door(store: LedgerStore, clock: ManualClock) -> AsyncIterator[Committer]:
    """A door whose time stands still, with 100 dollars of Alice's behind it."""
    async with open_door(store, clock) as opened:
        await verbs.post(opened, transfer("fund", BANK, ALICE, 10_000))
        yield opened


@pytest.fixture
def expiry(door: Committer, store: LedgerStore, clock: ManualClock) -> Expiry:
    return Expiry(door, store, clock, poll_s=0.01)


async def alice(store: LedgerStore) -> Account:
    account = await store.account(ALICE.id)
    assert account is not None
    return account


async def test_a_hold_is_given_back_once_its_time_is_over(
    store: LedgerStore, door: Committer, clock: ManualClock, expiry: Expiry
) -> None:
    await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000), expires_at=SOON))
    await verbs.post(door, capture("part", "hold", ALICE, BOB, 1_000))
    assert await expiry.sweep() == 0
    clock.advance(600)
    with pytest.raises(HoldExpired):
        await verbs.post(door, capture("more", "hold", ALICE, BOB, 1_000))
    assert await expiry.sweep() == 1
    assert await expiry.sweep() == 0
    assert ((await alice(store)).balance, (await alice(store)).held) == (9_000, 0)
    assert (await store.audit()).breaks == []


async def test_sweeps_and_releases_at_the_same_moment_give_it_back_once(
    store: LedgerStore, door: Committer, clock: ManualClock, expiry: Expiry
) -> None:
    await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000), expires_at=SOON))
    clock.advance(600)
    releases = [verbs.release_hold(door, store, txn("hold")), verbs.expire_hold(door, store, txn("hold"))]
    verdicts = await asyncio.gather(*releases, verbs.expire_hold(door, store, txn("hold")))
    assert sorted(type(verdict).__name__ for verdict in verdicts) == [Duplicate.__name__] * 2 + [Posted.__name__]
    assert await expiry.sweep() == 0
    assert (await alice(store)).held == 0


async def test_a_hold_used_up_is_never_due(
    store: LedgerStore, door: Committer, clock: ManualClock, expiry: Expiry
) -> None:
    await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000), expires_at=SOON))
    await verbs.post(door, capture("all", "hold", ALICE, BOB, 3_000))
    clock.advance(600)
    assert await store.due_holds(clock.now(), None, 10) == []
    assert await expiry.sweep() == 0


async def test_a_freeze_does_not_keep_an_expired_hold(
    store: LedgerStore, door: Committer, clock: ManualClock, expiry: Expiry
) -> None:
    await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000), expires_at=SOON))
    await door.submit(Change(BOOK, standings=(StandingChange(ALICE.id, Act.FREEZE),)))
    clock.advance(600)
    assert await expiry.sweep() == 1
    assert (await alice(store)).held == 0


async def test_one_that_cannot_be_given_back_keeps_nobody_waiting(
    database: Database, store: LedgerStore, door: Committer, clock: ManualClock, expiry: Expiry
) -> None:
    for number in range(150):
        await verbs.post(door, hold(txn(f"hold{number}"), ALICE, BOB, usd(1), expires_at=SOON))
    await database["transactions"].delete_one({"_id": txn("hold0")})
    clock.advance(600)
    assert await expiry.sweep() == 149
    assert [each.id for each in await store.due_holds(clock.now(), None, 10)] == [txn("hold0")]


async def test_the_loop_gives_back_what_falls_due_and_ends_when_closed(
    store: LedgerStore, door: Committer, clock: ManualClock, expiry: Expiry
) -> None:
    await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000), expires_at=SOON))

    async def is_released() -> bool:
        return (await alice(store)).held == 0

    async with asyncio.TaskGroup() as group:
        group.create_task(expiry.run())
        clock.advance(600)
        await until(is_released)
        expiry.close()
