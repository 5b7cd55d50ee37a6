"""Accepting a saga: once per key, whatever happens at the same moment; refused, nothing is written."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.errors import (
    AccountFrozen,
    AccountNotFound,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAddress,
    InvalidAmount,
    Missing,
    QuoteExpired,
    QuoteMismatch,
    QuoteUsed,
    WalletError,
)
from app.ids import new_id, public_id
from app.ledger.accounts import AccountStatus, main_account, receivable
from app.ledger.changes import Change
from app.money import USD, Money
from app.orchestrator.flows.deposit import DEPOSIT, Deposit
from app.orchestrator.orders.trades import Destination, Funding
from app.orchestrator.starting import Asked, Flows
from tests.worlds import ADDRESS, BOOK, Customer, World

AT_ONCE = 20


async def sagas(world: World, customer: Customer) -> int:
    return await world.runtime.database["sagas"].count_documents({"user_id": customer.user_id})


async def everything(world: World) -> dict[str, int]:
    """How many documents there are of each kind that a saga may write."""
    names = ("sagas", "effects", "saga_events", "transactions", "ledger_entries", "holds")
    counts = {name: await world.runtime.database[name].count_documents({}) for name in names}
    counts["quotes used"] = await world.runtime.database["quotes"].count_documents({"consumed_by": {"$ne": None}})
    return counts


@pytest.mark.parametrize("paying", ["bank", "account"])
async def test_many_starts_at_once_with_one_key_make_one_saga(
    calm_world: World, rich_ada: Customer, paying: str
) -> None:
    before = await sagas(calm_world, rich_ada)
    quote, key = await calm_world.quote(rich_ada), new_id("key")
    orders = (calm_world.buy(rich_ada, paying=paying, key=key, quote=quote) for _ in range(AT_ONCE))
    assert len(set(await asyncio.gather(*orders))) == 1
    assert await sagas(calm_world, rich_ada) == before + 1
    await calm_world.settle()
    assert await calm_world.available(rich_ada.dollars_id) == ("500.00" if paying == "bank" else "400.00")


async def test_many_deposits_at_once_with_one_key_pull_once(calm_world: World, rich_ada: Customer) -> None:
    pulls, key = len(await calm_world.bank_payments()), new_id("key")
    assert len(set(await asyncio.gather(*(calm_world.deposit(rich_ada, key=key) for _ in range(AT_ONCE))))) == 1
    await calm_world.settle()
    assert len(await calm_world.bank_payments()) == pulls + 1
    assert await calm_world.available(rich_ada.dollars_id) == "600.00"


async def test_the_same_key_long_after_the_end_answers_with_the_same_saga(
    calm_world: World, rich_ada: Customer
) -> None:
    quote, key = await calm_world.quote(rich_ada), new_id("key")
    first = await calm_world.buy(rich_ada, key=key, quote=quote)
    await calm_world.settle()
    calm_world.clock.advance(400 * 86_400)
    assert await calm_world.buy(rich_ada, key=key, quote=quote) == first


async def test_the_same_key_for_another_request_is_refused(calm_world: World, rich_ada: Customer) -> None:
    key = new_id("key")
    await calm_world.deposit(rich_ada, "100.00", key=key)
    with pytest.raises(IdempotencyKeyReused):
        await calm_world.deposit(rich_ada, "100.01", key=key)
    await calm_world.settle()


async def test_two_requests_at_once_with_one_key_are_not_taken_for_one(calm_world: World, rich_ada: Customer) -> None:
    """They reserve the same coins of the same quote, so their postings do not tell them apart."""
    quote, key = await calm_world.quote(rich_ada), new_id("key")
    elsewhere = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"

    async def order(address: str) -> str:
        asked = Asked(BOOK, rich_ada.user_id, key, {"quote_id": quote, "address": address})
        funding = Funding("bank", rich_ada.bank_link_id)
        return (
            await calm_world.runtime.orders.trades.purchase(
                asked, quote, funding, Destination(None, "bitcoin", address)
            )
        ).id

    answers = await asyncio.gather(order(ADDRESS), order(elsewhere), return_exceptions=True)
    assert [type(answer) for answer in answers if not isinstance(answer, str)] == [IdempotencyKeyReused]
    await calm_world.settle()


async def test_a_request_whose_twin_is_accepted_while_it_is_prepared_is_answered_with_the_twin(
    calm_world: World, rich_ada: Customer
) -> None:
    flows = Flows(calm_world.runtime.sagas, calm_world.runtime.door, calm_world.clock, calm_world.runtime.hints.give)
    asked = Asked(BOOK, rich_ada.user_id, new_id("key"), {})
    accepted = []

    async def accept(_saga_id: str) -> Deposit:
        return Deposit(
            account_id=f"{BOOK}/{rich_ada.dollars_id}",
            bank_link_id=f"{BOOK}/{rich_ada.bank_link_id}",
            amount=Money.parse("100.00", USD),
        )

    async def find_the_quote_used(_saga_id: str) -> Deposit:
        accepted.append(await flows.start(DEPOSIT, asked, accept))
        raise QuoteUsed("quo_1")

    saga = await flows.start(DEPOSIT, asked, find_the_quote_used)
    assert [each.id for each in accepted] == [saga.id]
    await calm_world.settle()


async def test_a_quote_serves_one_of_two_sagas(calm_world: World, rich_ada: Customer) -> None:
    before, quote = await sagas(calm_world, rich_ada), await calm_world.quote(rich_ada)
    answers = await asyncio.gather(*(calm_world.buy(rich_ada, quote=quote) for _ in range(2)), return_exceptions=True)
    assert [type(answer) for answer in answers if not isinstance(answer, str)] == [QuoteUsed]
    assert await sagas(calm_world, rich_ada) == before + 1
    await calm_world.settle()
    with pytest.raises(QuoteUsed):
        await calm_world.buy(rich_ada, quote=quote)


Spoil = Callable[[World, Customer], Awaitable[str]]


async def _let_the_quote_expire(world: World, ada: Customer) -> str:
    quote = await world.quote(ada)
    world.clock.advance(world.settings.quote_lifetime_s)
    return await world.buy(ada, quote=quote)


async def _buy_more_than_there_is(world: World, ada: Customer) -> str:
    return await world.buy(ada, "200000000.00")


async def _spend_more_than_there_is(world: World, ada: Customer) -> str:
    return await world.buy(ada, "500.01", paying="account")


async def _use_a_strangers_quote(world: World, ada: Customer) -> str:
    return await world.buy(replace(ada, user_id="usr_stranger"), quote=await world.quote(ada))


async def _use_a_strangers_bank(world: World, ada: Customer) -> str:
    return await world.buy(replace(ada, bank_link_id="lnk_strangers"))


async def _quote_for_delivery_elsewhere(world: World, ada: Customer) -> str:
    return await world.buy(ada, to="account", quote=await world.quote(ada, chain="bitcoin"))


async def _receive_on_nobodys_account(world: World, ada: Customer) -> str:
    return await world.buy(replace(ada, coins_id="acc_nobodys"), to="account")


async def _receive_dollars(world: World, ada: Customer) -> str:
    return await world.buy(replace(ada, coins_id=ada.dollars_id), to="account")


async def _pay_with_coins(world: World, ada: Customer) -> str:
    return await world.buy(replace(ada, dollars_id=ada.coins_id), paying="account")


async def _send_to_the_main_network(world: World, ada: Customer) -> str:
    quote = await world.quote(ada)
    asked = Asked(BOOK, ada.user_id, new_id("key"), {})
    mainnet = Destination(chain="bitcoin", address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
    return (await world.runtime.orders.trades.purchase(asked, quote, Funding("bank", ada.bank_link_id), mainnet)).id


async def _deposit_nothing(world: World, ada: Customer) -> str:
    return await world.deposit(ada, "0.00")


async def _deposit_coins(world: World, ada: Customer) -> str:
    return await world.deposit(replace(ada, dollars_id=ada.coins_id), "1")


async def _deposit_into_a_frozen_account(world: World, ada: Customer) -> str:
    await world.set_status(ada.dollars_id, AccountStatus.FROZEN)
    return await world.deposit(ada)


async def _withdraw_more_than_there_is(world: World, ada: Customer) -> str:
    return await world.withdraw(ada, "500.01")


async def _withdraw_nothing(world: World, ada: Customer) -> str:
    return await world.withdraw(ada, "0.00")


async def _withdraw_coins(world: World, ada: Customer) -> str:
    return await world.withdraw(replace(ada, dollars_id=ada.coins_id), "0.001")


async def _withdraw_to_a_strangers_bank(world: World, ada: Customer) -> str:
    return await world.withdraw(replace(ada, bank_link_id="lnk_strangers"))


async def _withdraw_from_nobodys_account(world: World, ada: Customer) -> str:
    return await world.withdraw(replace(ada, dollars_id="acc_nobodys"))


async def _sell_more_than_there_is(world: World, ada: Customer) -> str:
    return await world.sell(ada, "0.01000001")


async def _sell_at_a_quote_to_buy(world: World, ada: Customer) -> str:
    return await world.sell(ada, quote=await world.quote(ada, chain=None))


async def _buy_at_a_quote_to_sell(world: World, ada: Customer) -> str:
    return await world.buy(ada, to="account", quote=await world.quote_sale(ada))


async def _sell_at_an_expired_quote(world: World, ada: Customer) -> str:
    quote = await world.quote_sale(ada)
    world.clock.advance(world.settings.quote_lifetime_s)
    return await world.sell(ada, quote=quote)


async def _sell_at_a_strangers_quote(world: World, ada: Customer) -> str:
    return await world.sell(replace(ada, user_id="usr_stranger"), quote=await world.quote_sale(ada))


async def _sell_from_nobodys_account(world: World, ada: Customer) -> str:
    return await world.sell(replace(ada, coins_id="acc_nobodys"))


async def _sell_dollars(world: World, ada: Customer) -> str:
    return await world.sell(replace(ada, coins_id=ada.dollars_id))


async def _sell_into_nobodys_account(world: World, ada: Customer) -> str:
    return await world.sell(replace(ada, dollars_id="acc_nobodys"))


async def _sell_into_what_one_owes(world: World, ada: Customer) -> str:
    owed = receivable(BOOK, ada.user_id, USD)
    await world.runtime.door.submit(Change(BOOK, openings=(owed,)))
    return await world.sell(replace(ada, dollars_id=public_id(owed.id)))


async def _sell_into_coins(world: World, ada: Customer) -> str:
    return await world.sell(replace(ada, dollars_id=ada.coins_id))


async def _sell_into_a_frozen_account(world: World, ada: Customer) -> str:
    await world.set_status(ada.dollars_id, AccountStatus.FROZEN)
    return await world.sell(ada)


async def _receive_on_a_frozen_account(world: World, ada: Customer) -> str:
    await world.set_status(ada.coins_id, AccountStatus.FROZEN)
    return await world.buy(ada, to="account")


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (_let_the_quote_expire, QuoteExpired),
        (_buy_more_than_there_is, InsufficientFunds),
        (_spend_more_than_there_is, InsufficientFunds),
        (_use_a_strangers_quote, Missing),
        (_use_a_strangers_bank, Missing),
        (_quote_for_delivery_elsewhere, QuoteMismatch),
        (_receive_on_nobodys_account, DestinationNotFound),
        (_receive_dollars, CurrencyMismatch),
        (_pay_with_coins, CurrencyMismatch),
        (_send_to_the_main_network, InvalidAddress),
        (_deposit_nothing, InvalidAmount),
        (_deposit_coins, CurrencyMismatch),
        (_deposit_into_a_frozen_account, AccountFrozen),
        (_withdraw_more_than_there_is, InsufficientFunds),
        (_withdraw_nothing, InvalidAmount),
        (_withdraw_coins, CurrencyMismatch),
        (_withdraw_to_a_strangers_bank, Missing),
        (_withdraw_from_nobodys_account, AccountNotFound),
        (_sell_more_than_there_is, InsufficientFunds),
        (_sell_at_a_quote_to_buy, QuoteMismatch),
        (_buy_at_a_quote_to_sell, QuoteMismatch),
        (_sell_at_an_expired_quote, QuoteExpired),
        (_sell_at_a_strangers_quote, Missing),
        (_sell_from_nobodys_account, AccountNotFound),
        (_sell_dollars, CurrencyMismatch),
        (_sell_into_nobodys_account, DestinationNotFound),
        (_sell_into_what_one_owes, DestinationNotFound),
        (_sell_into_coins, CurrencyMismatch),
        (_sell_into_a_frozen_account, AccountFrozen),
        (_receive_on_a_frozen_account, AccountFrozen),
    ],
)
async def test_a_refused_order_writes_nothing(
    calm_world: World, rich_ada: Customer, spoil: Spoil, refusal: type[WalletError]
) -> None:
    before = await everything(calm_world)
    with pytest.raises(refusal):
        await spoil(calm_world, rich_ada)
    assert await everything(calm_world) == before


async def test_a_frozen_account_starts_nothing(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.set_status(rich_ada.dollars_id, AccountStatus.FROZEN)
    before = await everything(calm_world)
    with pytest.raises(WalletError, match="frozen"):
        await calm_world.buy(rich_ada, paying="account")
    assert await everything(calm_world) == before


async def test_no_bank_pays_through_a_frozen_account(calm_world: World) -> None:
    """Who has no open account in dollars is given one for the bank's to pass through; it may have been frozen since."""
    fay = await calm_world.customer("fay")
    await calm_world.set_status(fay.dollars_id, AccountStatus.FROZEN)
    passing = main_account(BOOK, fay.user_id, USD)
    await calm_world.runtime.door.submit(Change(BOOK, openings=(passing,)))
    await calm_world.set_status(public_id(passing.id), AccountStatus.FROZEN)
    before = await everything(calm_world)
    with pytest.raises(AccountFrozen):
        await calm_world.buy(fay)
    assert await everything(calm_world) == before


async def test_without_redis_the_same_key_still_makes_one_saga(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.runtime.redis.flushdb()
    body = {"account_id": rich_ada.dollars_id, "bank_link_id": rich_ada.bank_link_id, "amount": "100.00"}
    headers = {**await calm_world.signed_in(rich_ada.name), "Idempotency-Key": new_id("key")}
    first = await calm_world.api.post("/v1/deposits", json=body, headers=headers)
    await calm_world.runtime.redis.flushdb()
    second = await calm_world.api.post("/v1/deposits", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["saga_id"] == second.json()["saga_id"]
    await calm_world.settle()
    assert await calm_world.available(rich_ada.dollars_id) == "600.00"
