import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.errors import (
    AccountFrozen,
    AccountNotFound,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAmount,
    LimitExceeded,
    SameAccount,
    StaleVersion,
    WalletError,
)
from app.identity.principals import Principal
from app.identity.store import Users
from app.identity.users import ComplianceLevel
from app.ids import derived_id, public_id
from app.ledger import verbs
from app.ledger.accounts import Account, main_account
from app.ledger.batch_store import BatchStore
from app.ledger.changes import Change
from app.ledger.limits import Limit, Limits, Period
from app.ledger.preview import Previews
from app.money import BTC, USD, Asset, Money
from app.wallets.fees import fee_in
from app.wallets.opening import open_account, own_account, passing_account
from app.wallets.receivers import Receivers
from app.wallets.transfers import Made, Transfer, Transfers
from tests.ledger.given import BANK, transfer
from tests.wallets.given import AT, BOOK, Till


def somebody(name: str, tenant: str = BOOK) -> Principal:
    return Principal(derived_id("usr", "issuer", name), tenant, "issuer", name, frozenset())


ADA, BOB, EVE = somebody("ada"), somebody("bob"), somebody("eve")


class Bank:
    """Ada, verified, with 100 dollars; Bob, verified, with none; Eve, who is not verified."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.users = Users(till.database, till.clock)
        self.previews = Previews(BatchStore(till.database), till.clock)
        self.receivers = Receivers(self.till.ledger, self.users)
        self.transfers = Transfers(till.door, till.ledger, self.receivers, self.previews)
        self.of: dict[str, Account] = {}

    async def open(self) -> None:
        levels: dict[str, tuple[Principal, ComplianceLevel]] = {
            "ada": (ADA, "verified"),
            "bob": (BOB, "verified"),
            "eve": (EVE, "pending"),
        }
        for name, (person, level) in levels.items():
            user = await self.users.get_or_create(person)
            await self.users.set_level(user.stored_id, level, AT)
            self.of[name] = await self.account(person, USD)
        self.of["coins"] = await self.account(BOB, BTC)
        await verbs.post(self.till.door, transfer("opening", BANK, self.of["ada"].id, 100_00))

    async def account(self, person: Principal, asset: Asset) -> Account:
        return await open_account(self.till.door, BOOK, person.user_id, asset)

    def order(self, source: str = "ada", destination: str = "bob", minor: int = 60_00, key: str = "key-1") -> Transfer:
        return Transfer(
            BOOK,
            ADA.user_id,
            key,
            public_id(self.of[source].id),
            public_id(self.of[destination].id),
            Money(minor, USD),
            {},
        )

    async def balance(self, name: str) -> int:
        account = await self.till.ledger.account(self.of[name].id)
        assert account is not None
        return account.balance


@pytest.fixture
async def bank(till: Till) -> AsyncIterator[Bank]:
    opened = Bank(till)
    await opened.open()
    yield opened
    assert (await till.ledger.audit()).breaks == []


async def test_money_moves_to_another_customer(bank: Bank) -> None:
    posted = (await bank.transfers.transfer(bank.order())).transaction
    assert (posted["kind"], posted["status"]) == ("transfer", "posted")
    assert (await bank.balance("ada"), await bank.balance("bob")) == (40_00, 60_00)


async def test_the_same_key_moves_it_once_however_often_and_at_once(bank: Bank) -> None:
    answers = await asyncio.gather(*(bank.transfers.transfer(bank.order()) for _ in range(20)))
    assert len({answer.transaction["_id"] for answer in answers}) == 1
    assert await bank.balance("ada") == 40_00


async def test_the_same_key_answers_even_when_the_receiver_has_since_been_rejected(bank: Bank) -> None:
    first = await bank.transfers.transfer(bank.order())
    await bank.users.set_level(BOB.stored_user_id, "rejected", AT)
    assert await bank.transfers.transfer(bank.order()) == first


async def test_the_same_key_for_another_transfer_is_refused(bank: Bank) -> None:
    await bank.transfers.transfer(bank.order())
    with pytest.raises(IdempotencyKeyReused):
        await bank.transfers.transfer(bank.order(minor=1))


async def test_another_customer_with_the_same_key_makes_another_transfer(bank: Bank) -> None:
    first = await bank.transfers.transfer(bank.order())
    back = replace(bank.order("bob", "ada", minor=10_00), user_id=BOB.user_id)
    second = await bank.transfers.transfer(back)
    assert first.transaction["_id"] != second.transaction["_id"]
    assert await bank.balance("ada") == 50_00


@pytest.mark.parametrize(
    ("source", "destination", "minor", "refusal"),
    [
        ("ada", "bob", 0, InvalidAmount),
        ("ada", "bob", 100_01, InsufficientFunds),
        ("bob", "ada", 1, AccountNotFound),
        ("ada", "eve", 1, DestinationNotFound),
        ("ada", "ada", 1, SameAccount),
        ("ada", "coins", 1, CurrencyMismatch),
    ],
)
async def test_what_is_refused_moves_nothing(
    bank: Bank, source: str, destination: str, minor: int, refusal: type[WalletError]
) -> None:
    with pytest.raises(refusal):
        await bank.transfers.transfer(bank.order(source, destination, minor))
    assert await bank.balance("ada") == 100_00


@pytest.mark.parametrize("strange", ["acc_nobodys", f"acc_bank-{USD.code}", "acc_../../other/acc_1"])
async def test_only_customers_accounts_send_and_receive(bank: Bank, strange: str) -> None:
    with pytest.raises(DestinationNotFound):
        await bank.transfers.transfer(replace(bank.order(), destination_account_id=strange))
    with pytest.raises(AccountNotFound):
        await bank.transfers.transfer(replace(bank.order(), source_account_id=strange))


async def test_money_stays_in_its_book(bank: Bank) -> None:
    with pytest.raises(AccountNotFound):
        await bank.transfers.transfer(replace(bank.order(), book="another"))


async def test_a_customer_who_is_not_verified_may_move_their_own_money_between_their_accounts(bank: Bank) -> None:
    await bank.users.set_level(ADA.stored_user_id, "rejected", AT)
    bank.of["savings"] = await bank.account(ADA, USD)
    await bank.transfers.transfer(bank.order("ada", "savings"))
    assert await bank.balance("savings") == 60_00


@pytest.mark.parametrize("name", ["ada", "bob"])
async def test_a_frozen_account_neither_sends_nor_receives(bank: Bank, name: str) -> None:
    await bank.till.database["accounts"].update_one(
        {"_id": bank.of[name].id}, {"$set": {"status": "frozen"}, "$inc": {"version": 1}}
    )
    with pytest.raises(AccountFrozen):
        await bank.transfers.transfer(bank.order())


async def test_a_closed_account_is_no_destination(bank: Bank) -> None:
    await bank.till.database["accounts"].update_one(
        {"_id": bank.of["bob"].id}, {"$set": {"status": "closed"}, "$inc": {"version": 1}}
    )
    with pytest.raises(DestinationNotFound):
        await bank.transfers.transfer(bank.order())


# What is left, fees, conditions, limits, trying.


async def test_what_a_transfer_left_is_told_with_it_now_and_later(bank: Bank) -> None:
    first = await bank.transfers.transfer(bank.order())
    assert first.balances == {bank.of["ada"].id: Money(40_00, USD)}
    await bank.transfers.transfer(bank.order(minor=1_00, key="key-2"))
    assert await bank.transfers.transfer(bank.order()) == first


async def test_both_accounts_are_told_of_a_transfer_between_ones_own(bank: Bank) -> None:
    bank.of["savings"] = await bank.account(ADA, USD)
    first = await bank.transfers.transfer(bank.order("ada", "savings"))
    assert set(first.balances.values()) == {Money(40_00, USD), Money(60_00, USD)}
    assert await bank.transfers.transfer(bank.order("ada", "savings")) == first


def charging(bank: Bank, fee_bps: int) -> Transfers:
    return Transfers(bank.till.door, bank.till.ledger, bank.receivers, bank.previews, fee_bps=fee_bps)


async def test_a_fee_is_paid_on_top_and_rounded_up(bank: Bank) -> None:
    made = await charging(bank, 25).transfer(bank.order(minor=50_01))
    assert fee_in(made.transaction) == Money(13, USD)
    assert (await bank.balance("ada"), await bank.balance("bob")) == (49_86, 50_01)
    assert await bank.till.ledger.balance(f"{BOOK}/acc_fee-USD") == 13


async def test_a_source_that_cannot_pay_the_fee_pays_nothing(bank: Bank) -> None:
    with pytest.raises(InsufficientFunds):
        await charging(bank, 1).transfer(bank.order(minor=100_00))
    assert await bank.balance("ada") == 100_00


async def test_the_same_key_answers_even_when_the_fee_has_since_changed(bank: Bank) -> None:
    first = await charging(bank, 25).transfer(bank.order())
    assert await charging(bank, 50).transfer(bank.order()) == first
    with pytest.raises(IdempotencyKeyReused):
        await charging(bank, 50).transfer(bank.order(minor=1))


async def test_a_transfer_may_be_conditional_on_the_source_as_it_was_seen(bank: Bank) -> None:
    seen = await own_account(bank.till.ledger, BOOK, ADA.user_id, public_id(bank.of["ada"].id))
    locked = replace(bank.order(), lock_version=seen.version)
    first = await bank.transfers.transfer(locked)
    with pytest.raises(StaleVersion) as refusal:
        await bank.transfers.transfer(replace(locked, key="key-2"))
    assert (refusal.value.facts["lock_version"], refusal.value.facts["version"]) == (seen.version, seen.version + 1)
    assert await bank.transfers.transfer(locked) == first


async def test_a_limit_counts_what_was_paid_at_the_same_moment(bank: Bank) -> None:
    limits = Limits((Limit("transfer", Period.DAY, "USD", count_max=3), Limit("card", Period.DAY, "USD", count_max=0)))
    limited = Transfers(bank.till.door, bank.till.ledger, bank.receivers, bank.previews, limits=limits)
    orders = (limited.transfer(bank.order(minor=1, key=f"key-{number}")) for number in range(10))
    answers = await asyncio.gather(*orders, return_exceptions=True)
    assert sum(isinstance(answer, Made) for answer in answers) == 3
    assert sum(isinstance(answer, LimitExceeded) for answer in answers) == 7
    bank.till.clock.advance(86_400)
    await limited.transfer(bank.order(minor=1, key="key-tomorrow"))


async def test_trying_a_transfer_says_what_it_would_leave_and_writes_nothing(bank: Bank) -> None:
    tried = await charging(bank, 25).preview(replace(bank.order(), key=None))
    assert tried.balances == {bank.of["ada"].id: Money(39_85, USD)}
    assert (await bank.balance("ada"), await bank.balance("bob")) == (100_00, 0)
    assert await bank.till.ledger.transaction(tried.transaction["_id"]) is None


@pytest.mark.parametrize(
    ("source", "destination", "minor", "refusal"),
    [
        ("ada", "bob", 100_01, InsufficientFunds),
        ("bob", "ada", 1, AccountNotFound),
        ("ada", "eve", 1, DestinationNotFound),
    ],
)
async def test_trying_meets_the_refusals_of_doing(
    bank: Bank, source: str, destination: str, minor: int, refusal: type[WalletError]
) -> None:
    with pytest.raises(refusal):
        await bank.transfers.preview(replace(bank.order(source, destination, minor), key=None))


# Opening.


async def test_the_same_key_opens_the_same_account(till: Till) -> None:
    opened = [await open_account(till.door, BOOK, ADA.user_id, USD, key="k") for _ in range(2)]
    assert opened[0].id == opened[1].id
    assert (await open_account(till.door, BOOK, BOB.user_id, USD, key="k")).id != opened[0].id
    assert len(await till.ledger.accounts_of(BOOK, ADA.user_id, "customer")) == 1


async def test_a_strangers_account_is_told_like_one_that_is_not_there(bank: Bank) -> None:
    for account in (bank.of["bob"].id, f"{BOOK}/acc_nobodys", BANK.id):
        with pytest.raises(AccountNotFound):
            await own_account(bank.till.ledger, BOOK, ADA.user_id, public_id(account))


async def test_money_passes_through_the_oldest_open_account_of_its_currency(bank: Bank) -> None:
    second = await bank.account(ADA, USD)
    assert await passing_account(bank.till.ledger, BOOK, ADA.user_id, USD) == bank.of["ada"].id
    await bank.till.database["accounts"].update_one(
        {"_id": bank.of["ada"].id}, {"$set": {"status": "frozen"}, "$inc": {"version": 1}}
    )
    assert await passing_account(bank.till.ledger, BOOK, ADA.user_id, USD) == second.id


async def test_no_money_passes_through_the_one_account_that_is_stopped(bank: Bank) -> None:
    main = main_account(BOOK, ADA.user_id, BTC)
    await bank.till.door.submit(Change(BOOK, openings=(main,)))
    assert await passing_account(bank.till.ledger, BOOK, ADA.user_id, BTC) == main.id
    await bank.till.database["accounts"].update_one(
        {"_id": main.id}, {"$set": {"status": "frozen"}, "$inc": {"version": 1}}
    )
    with pytest.raises(AccountFrozen):
        await passing_account(bank.till.ledger, BOOK, ADA.user_id, BTC)


async def test_without_an_account_money_passes_through_one_that_the_order_opens(bank: Bank) -> None:
    for _ in range(2):
        account_id = await passing_account(bank.till.ledger, BOOK, BOB.user_id, Asset("EUR", 2, "fiat"))
        assert account_id not in {account.id for account in bank.of.values()}
    assert await bank.till.ledger.account(account_id) is None
