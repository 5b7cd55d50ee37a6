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
    SameAccount,
    WalletError,
)
from app.identity.principals import Principal
from app.identity.store import Users
from app.identity.users import ComplianceLevel
from app.ids import derived_id, public_id
from app.ledger import verbs
from app.ledger.accounts import Account
from app.money import BTC, USD, Asset, Money
from app.wallets.opening import open_account, own_account, passing_account
from app.wallets.transfers import Transfer, Transfers
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
        self.transfers = Transfers(till.door, till.ledger, self.users)
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
    posted = await bank.transfers.transfer(bank.order())
    assert (posted["kind"], posted["status"]) == ("transfer", "posted")
    assert (await bank.balance("ada"), await bank.balance("bob")) == (40_00, 60_00)


async def test_the_same_key_moves_it_once_however_often_and_at_once(bank: Bank) -> None:
    answers = await asyncio.gather(*(bank.transfers.transfer(bank.order()) for _ in range(20)))
    assert len({answer["_id"] for answer in answers}) == 1
    assert await bank.balance("ada") == 40_00


async def test_the_same_key_answers_even_when_the_receiver_has_since_been_rejected(bank: Bank) -> None:
    first = await bank.transfers.transfer(bank.order())
    await bank.users.set_level(BOB.stored_user_id, "rejected", AT)
    assert (await bank.transfers.transfer(bank.order()))["_id"] == first["_id"]


async def test_the_same_key_for_another_transfer_is_refused(bank: Bank) -> None:
    await bank.transfers.transfer(bank.order())
    with pytest.raises(IdempotencyKeyReused):
        await bank.transfers.transfer(bank.order(minor=1))


async def test_another_customer_with_the_same_key_makes_another_transfer(bank: Bank) -> None:
    first = await bank.transfers.transfer(bank.order())
    back = replace(bank.order("bob", "ada", minor=10_00), user_id=BOB.user_id)
    second = await bank.transfers.transfer(back)
    assert first["_id"] != second["_id"]
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


async def test_without_an_account_money_passes_through_one_that_the_order_opens(bank: Bank) -> None:
    for _ in range(2):
        account_id = await passing_account(bank.till.ledger, BOOK, BOB.user_id, Asset("EUR", 2, "fiat"))
        assert account_id not in {account.id for account in bank.of.values()}
    assert await bank.till.ledger.account(account_id) is None
