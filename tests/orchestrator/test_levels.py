"""Limits of a level: on every rail, in dollars whatever is paid, and a level that an officer gives."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.errors import LimitExceeded
from app.ids import new_id
from app.ledger.acts import Answerable
from tests.worlds import BOOK, Customer, World

RAILS = ("transfer", "ach-pull", "ach-push", "trade", "chain-out")


@pytest.fixture(scope="module")
def timings() -> dict[str, Any]:
    """A hundred dollars a day on every rail, two hundred for those of another level; a bitcoin counts as 100,000."""
    table = [
        {"level": level, "rail": rail, "period": "day", "amount": amount}
        for level, amount in (("standard", "100.00"), ("enhanced", "200.00"))
        for rail in RAILS
    ]
    prices = dict.fromkeys(("EUR", "GBP", "JPY", "ETH", "POL", "SOL", "TRX", "USDC", "USDT"), "1")
    return {"limit_levels": table, "reference_prices": {**prices, "BTC": "100000"}}


async def somebody(world: World) -> Customer:
    return await world.with_new_accounts(await world.customer(new_id("level")), "500.00")


async def transfer(world: World, customer: Customer, amount: str) -> None:
    """Pay that much to an account of one's own."""
    headers = await world.signed_in(customer.name)
    other = await world.api.post("/v1/accounts", json={"currency": "USD"}, headers=headers)
    body = {"source_account_id": customer.dollars_id, "destination_account_id": other.json()["id"], "currency": "USD"}
    headers = {**headers, "Idempotency-Key": new_id("key")}
    answer = await world.api.post("/v1/transfers", json={**body, "amount": amount}, headers=headers)
    if answer.status_code == 409:
        told = answer.json()
        facts = {name: told[name] for name in ("rail", "period", "bound", "used", "left", "currency", "resets_at")}
        raise LimitExceeded("amount", **facts)
    assert answer.status_code == 201


Order = Callable[[World, Customer], Awaitable[Any]]

# rail; sixty dollars' worth, then as much again
ORDERS: dict[str, Order] = {
    "transfer": lambda world, customer: transfer(world, customer, "60.00"),
    "ach-pull": lambda world, customer: world.deposit(customer, "60.00"),
    "ach-push": lambda world, customer: world.withdraw(customer, "60.00"),
    "trade": lambda world, customer: world.buy(customer, "60.00", paying="account", to="account"),
    "chain-out": lambda world, customer: world.send_coins(customer, "0.0006"),
}


@pytest.mark.parametrize("rail", RAILS)
async def test_every_rail_has_its_limit_at_the_level(calm_world: World, rail: str) -> None:
    world, customer = calm_world, await somebody(calm_world)
    await ORDERS[rail](world, customer)
    with pytest.raises(LimitExceeded) as refused:
        await ORDERS[rail](world, customer)
    told = refused.value.facts
    assert (told["rail"], told["period"], told["left"], told["currency"]) == (rail, "day", "40.00", "USD")


async def test_an_officer_gives_another_level_and_the_next_commit_knows(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    await world.withdraw(customer, "60.00")
    given = Answerable("usr_officer", "known for years", new_id("key"))
    owner = await world.runtime.desk.customers.change_level(BOOK, customer.user_id, "enhanced", given)
    assert owner.level == "enhanced"
    await world.withdraw(customer, "60.00")
    with pytest.raises(LimitExceeded, match=r"200\.00"):
        await world.withdraw(customer, "100.00")
    assert await world.runtime.desk.customers.change_level(BOOK, customer.user_id, "enhanced", given) == owner


async def test_buying_from_a_bank_counts_on_every_rail_it_takes(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    await world.buy(customer, "60.00")
    for rail in ("trade", "ach-pull", "chain-out"):
        with pytest.raises(LimitExceeded, match=rail):
            await ORDERS[rail](world, customer)
    await world.withdraw(customer, "60.00")
    await world.settle()
