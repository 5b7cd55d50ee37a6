import asyncio
from dataclasses import replace

import pytest

from app.clock import ManualClock
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountInUse,
    AccountNotEmpty,
    AccountNotFound,
    AlreadyRefunded,
    AlreadyReversed,
    IdempotencyKeyReused,
    InvalidAmount,
    Missing,
    NotReversible,
    RefundExceedsRemainder,
)
from app.ledger import verbs
from app.ledger.accounts import Account, AccountStatus
from app.ledger.acts import Acts, Answerable
from app.ledger.changes import Change
from app.ledger.committer import Committer
from app.ledger.standing import Act
from app.ledger.store import LedgerStore
from tests.ledger.given import ALICE, AT, BANK, BOB, BOOK, Database, transfer, txn, usd

EVE = Answerable("usr_eve", "asked by the court", "key-1")


class Flows:
    """Says which account a flow is running on, and does something while it is asked."""

    def __init__(self, door: Committer) -> None:
        self.door = door
        self.busy: set[str] = set()
        self.meanwhile: list[Change] = []

    async def require_unused(self, account: Account) -> None:
        if self.meanwhile:
            await self.door.submit(self.meanwhile.pop())
        if account.id in self.busy:
            raise AccountInUse(account.id, "sag_one")


@pytest.fixture
def flows(door: Committer) -> Flows:
    return Flows(door)


@pytest.fixture
async def acts(door: Committer, store: LedgerStore, flows: Flows) -> Acts:
    """Acts on a book where Alice has 100 dollars, and Bob 5 of them from her."""
    await verbs.post(door, transfer("fund", BANK, ALICE, 10_000))
    await verbs.post(door, transfer("rent", ALICE, BOB, 500))
    return Acts(door, store, ManualClock(AT), flows.require_unused)


def another(number: int, reason: str = EVE.reason) -> Answerable:
    return replace(EVE, key=f"key-{number}", reason=reason)


async def status(store: LedgerStore, account_id: str) -> AccountStatus:
    account = await store.account(account_id)
    assert account is not None
    return account.status


async def test_a_frozen_account_takes_part_in_nothing_until_it_is_unfrozen(acts: Acts, door: Committer) -> None:
    assert (await acts.change_standing(ALICE.id, Act.FREEZE, EVE)).status is AccountStatus.FROZEN
    with pytest.raises(AccountFrozen):
        await verbs.post(door, transfer("more", ALICE, BOB, 1))
    await acts.change_standing(ALICE.id, Act.UNFREEZE, EVE)
    await verbs.post(door, transfer("more", ALICE, BOB, 1))


async def test_who_acted_and_why_is_kept_with_the_act(acts: Acts, database: Database) -> None:
    await acts.change_standing(ALICE.id, Act.FREEZE, EVE)
    [act] = await database["account_acts"].find().to_list()
    told = {name: act[name] for name in ("account_id", "act", "before", "after", "by", "reason", "at")}
    assert told == {
        "account_id": ALICE.id,
        "act": "freeze",
        "before": "open",
        "after": "frozen",
        "by": "usr_eve",
        "reason": "asked by the court",
        "at": AT,
    }


async def test_a_refused_act_leaves_no_record(acts: Acts, database: Database) -> None:
    with pytest.raises(AccountNotEmpty):
        await acts.change_standing(ALICE.id, Act.CLOSE, EVE)
    assert await database["account_acts"].count_documents({}) == 0


async def test_the_same_act_again_is_done_once(acts: Acts, store: LedgerStore, database: Database) -> None:
    answers = await asyncio.gather(*(acts.change_standing(ALICE.id, Act.FREEZE, EVE) for _ in range(5)))
    assert {account.status for account in answers} == {AccountStatus.FROZEN}
    await acts.change_standing(ALICE.id, Act.UNFREEZE, EVE)
    await acts.change_standing(ALICE.id, Act.FREEZE, EVE)  # the answer to the first one, not a second freeze
    assert await status(store, ALICE.id) is AccountStatus.OPEN
    assert await database["account_acts"].count_documents({}) == 2


async def test_a_key_with_another_reason_is_refused(acts: Acts) -> None:
    await acts.change_standing(ALICE.id, Act.FREEZE, EVE)
    with pytest.raises(IdempotencyKeyReused):
        await acts.change_standing(ALICE.id, Act.FREEZE, replace(EVE, reason="for fun"))


async def test_another_freeze_of_what_is_frozen_is_refused(acts: Acts) -> None:
    await acts.change_standing(ALICE.id, Act.FREEZE, EVE)
    with pytest.raises(AccountFrozen):
        await acts.change_standing(ALICE.id, Act.FREEZE, another(2))


@pytest.mark.parametrize("account_id", [f"{BOOK}/acc_nobody", BANK.id])
@pytest.mark.parametrize("act", Act)
async def test_only_customers_accounts_are_acted_on(acts: Acts, act: Act, account_id: str) -> None:
    with pytest.raises(AccountNotFound):
        await acts.change_standing(account_id, act, EVE)


async def test_an_empty_account_closes_and_opens_again(acts: Acts, door: Committer, store: LedgerStore) -> None:
    await verbs.post(door, transfer("back", BOB, ALICE, 500))
    assert (await acts.change_standing(BOB.id, Act.CLOSE, EVE)).status is AccountStatus.CLOSED
    with pytest.raises(AccountClosed):
        await verbs.post(door, transfer("more", ALICE, BOB, 1))
    await acts.change_standing(BOB.id, Act.REOPEN, EVE)
    await verbs.post(door, transfer("more", ALICE, BOB, 1))


async def test_an_account_that_a_flow_still_needs_does_not_close(
    acts: Acts, door: Committer, store: LedgerStore, flows: Flows
) -> None:
    await verbs.post(door, transfer("back", BOB, ALICE, 500))
    flows.busy = {BOB.id}
    with pytest.raises(AccountInUse):
        await acts.change_standing(BOB.id, Act.CLOSE, EVE)
    flows.busy.clear()
    await acts.change_standing(BOB.id, Act.CLOSE, EVE)


async def test_what_moves_while_the_flows_are_asked_is_looked_at_again(
    acts: Acts, door: Committer, flows: Flows, store: LedgerStore
) -> None:
    await verbs.post(door, transfer("back", BOB, ALICE, 500))
    flows.meanwhile = [Change(BOOK, (transfer("late", ALICE, BOB, 1),))]
    with pytest.raises(AccountNotEmpty):
        await acts.change_standing(BOB.id, Act.CLOSE, EVE)
    assert await status(store, BOB.id) is AccountStatus.OPEN


async def test_a_reversal_is_kept_with_its_reason_and_made_once(acts: Acts, database: Database) -> None:
    answers = await asyncio.gather(*(acts.reverse(txn("rent"), EVE) for _ in range(5)))
    assert len({answer["_id"] for answer in answers}) == 1
    assert (answers[0]["kind"], answers[0]["reverses"]) == ("reversal", txn("rent"))
    [act] = await database["transaction_acts"].find().to_list()
    assert (act["act"], act["transaction_id"], act["by"], act["reason"]) == ("reverse", txn("rent"), EVE.by, EVE.reason)


async def test_whoever_reverses_second_is_told_so(acts: Acts) -> None:
    await acts.reverse(txn("rent"), EVE)
    with pytest.raises(AlreadyReversed):
        await acts.reverse(txn("rent"), another(2))
    with pytest.raises(IdempotencyKeyReused):
        await acts.reverse(txn("rent"), replace(EVE, reason="another"))


async def test_what_is_not_there_or_a_sagas_is_not_reversed(acts: Acts, door: Committer) -> None:
    await verbs.post(door, transfer("step", BANK, ALICE, 1, saga_id=f"{BOOK}/sag_one"))
    with pytest.raises(Missing):
        await acts.reverse(txn("none"), EVE)
    with pytest.raises(NotReversible):
        await acts.reverse(txn("step"), EVE)


async def test_refunds_never_exceed_what_was_paid(acts: Acts, store: LedgerStore) -> None:
    """Ten at the same moment, each of a third: three fit."""
    refunds = (acts.refund(txn("rent"), usd(166), another(number)) for number in range(10))
    answers = await asyncio.gather(*refunds, return_exceptions=True)
    assert sum(isinstance(answer, dict) for answer in answers) == 3
    assert sum(isinstance(answer, RefundExceedsRemainder) for answer in answers) == 7
    account = await store.account(BOB.id)
    assert account is not None
    assert account.balance == 2
    assert (await store.audit()).breaks == []


async def test_the_same_refund_again_is_made_once(acts: Acts, store: LedgerStore) -> None:
    answers = [await acts.refund(txn("rent"), usd(100), EVE) for _ in range(3)]
    assert len({answer["_id"] for answer in answers}) == 1
    with pytest.raises(IdempotencyKeyReused):
        await acts.refund(txn("rent"), usd(101), EVE)
    with pytest.raises(IdempotencyKeyReused):
        await acts.refund(txn("rent"), usd(100), replace(EVE, reason="another"))


async def test_what_was_refunded_is_not_reversed_nor_the_reverse(acts: Acts, door: Committer) -> None:
    await verbs.post(door, transfer("lunch", ALICE, BOB, 200))
    await acts.refund(txn("rent"), usd(1), EVE)
    with pytest.raises(AlreadyRefunded):
        await acts.reverse(txn("rent"), EVE)
    await acts.reverse(txn("lunch"), EVE)
    with pytest.raises(AlreadyReversed):
        await acts.refund(txn("lunch"), usd(1), EVE)


async def test_a_refund_of_nothing_is_refused(acts: Acts) -> None:
    with pytest.raises(InvalidAmount):
        await acts.refund(txn("rent"), usd(0), EVE)
