"""What is new rests: bank links and addresses, where a rest is configured."""

from typing import Any

import pytest

from app.clock import rfc3339
from app.errors import CoolingPeriod
from app.ids import new_id
from tests.worlds import ADDRESS, BOOK, Customer, World

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def timings() -> dict[str, Any]:
    """A day for links, two for addresses."""
    return {"cooling_bank_link_s": DAY_S, "cooling_address_s": 2 * DAY_S}


async def newcomer(world: World) -> Customer:
    """Somebody whose link was made just now."""
    return await world.with_new_accounts(await world.customer(new_id("new")), "500.00")


async def test_a_new_bank_link_neither_pulls_nor_pays_out_nor_buys(calm_world: World) -> None:
    world, customer = calm_world, await newcomer(calm_world)
    rested = world.clock.now().timestamp() + DAY_S
    for order in (world.deposit, world.withdraw, world.buy):
        with pytest.raises(CoolingPeriod) as refused:
            await order(customer)
        assert refused.value.facts["what"] == "bank link"
        assert str(refused.value.facts["until"]) > rfc3339(world.clock.now())
    world.clock.advance(rested - world.clock.now().timestamp())
    await world.withdraw(customer)
    await world.settle()
    assert await world.available(customer.dollars_id) == "400.00"


async def test_a_new_address_rests_from_the_first_order_that_named_it(calm_world: World) -> None:
    world, customer = calm_world, await newcomer(calm_world)
    first = world.clock.now()
    for _ in range(2):
        with pytest.raises(CoolingPeriod, match="address is new"):
            await world.send_coins(customer)
        world.clock.advance(DAY_S / 2)
    stored = await world.runtime.database["payees"].find({"user_id": customer.user_id}).to_list()
    assert [(each["first_seen_at"], each["_id"].partition("/")[0]) for each in stored] == [(first, BOOK)]
    assert ADDRESS not in str(stored)
    world.clock.advance(DAY_S)
    await world.send_coins(customer)
    await world.buy(customer, paying="account")


async def test_an_address_that_somebody_else_uses_is_as_new(calm_world: World) -> None:
    world, one, other = calm_world, await newcomer(calm_world), await newcomer(calm_world)
    with pytest.raises(CoolingPeriod):
        await world.send_coins(one)
    world.clock.advance(3 * DAY_S)
    with pytest.raises(CoolingPeriod):
        await world.send_coins(other)
    await world.send_coins(one)


async def test_over_the_api_the_refusal_says_until_when(calm_world: World) -> None:
    customer = await newcomer(calm_world)
    body = {"account_id": customer.coins_id, "chain": "bitcoin", "address": ADDRESS, "amount": "0.001"}
    headers = {**await calm_world.signed_in(customer.name), "Idempotency-Key": new_id("key")}
    answer = await calm_world.api.post("/v1/crypto-withdrawals", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "cooling-period")
    assert answer.json()["until"].endswith("Z")
