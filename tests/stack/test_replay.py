"""An account told from its transactions alone."""

from datetime import datetime, timedelta

import pytest

from app.clock import ManualClock, rfc3339
from app.ledger import verbs
from app.ledger.store import LedgerStore
from app.ledger.transactions import credit, debit, hold
from app.settings import Settings
from app.stack.books import replayed
from app.stack.problem import Problem
from tests.ledger.given import ALICE, AT, BANK, BOB, BOOK, Database, ledger_in, open_door, posting, transfer, txn, usd


@pytest.fixture
def settings(mongodb_uri: str, redis_url: str, database: Database) -> Settings:
    given = {"mongodb_uri": mongodb_uri, "mongodb_database": database.name, "redis_url": redis_url}
    return Settings.model_validate(given)


@pytest.fixture
async def store(database: Database) -> LedgerStore:
    return await ledger_in(database)


async def told(settings: Settings, account: str, at: datetime | None = None) -> list[str]:
    return [line async for line in replayed(settings, BOOK, account, at)]


async def test_a_transaction_with_two_legs_on_an_account_is_told_leg_by_leg(
    settings: Settings, store: LedgerStore
) -> None:
    clock = ManualClock(AT)
    async with open_door(store, clock) as door:
        legs = (debit(BANK, usd(700)), credit(ALICE, usd(500)), credit(ALICE, usd(200)))
        await verbs.post(door, posting("twice", *legs, kind="opening"))
        await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(50)))
        clock.advance(1)
        await verbs.post(door, transfer("out", ALICE, BOB, 100))
    early, late = rfc3339(AT), rfc3339(AT + timedelta(seconds=1))
    lines = [
        f"{early}  txn_twice  opening  CR 5.00  5.00",
        f"{early}  txn_twice  opening  CR 2.00  7.00",
        f"{late}  txn_out  transfer  DR 1.00  6.00",
    ]
    assert await told(settings, "acc_alice") == [*lines, "acc_alice holds 6.00 USD"]
    assert await told(settings, "acc_alice", AT) == [*lines[:2], "acc_alice holds 7.00 USD"]


async def test_a_long_account_is_told_whole_and_in_order(settings: Settings, store: LedgerStore) -> None:
    clock = ManualClock(AT)
    async with open_door(store, clock) as door:
        for number in range(130):
            legs = (debit(BANK, usd(3)), *[credit(ALICE, usd(1))] * 3)
            await verbs.post(door, posting(f"t{number}", *legs))
            clock.advance(1)
    lines = await told(settings, "acc_alice")
    assert [line.split()[1] for line in lines[:-1:3]] == [f"txn_t{number}" for number in range(130)]
    assert len(lines) == 3 * 130 + 1
    assert lines[-1] == "acc_alice holds 3.90 USD"


async def test_an_account_that_is_not_there_is_said_so(settings: Settings, store: LedgerStore) -> None:
    with pytest.raises(Problem, match="There is no account acc_nobody"):
        await told(settings, "acc_nobody")
