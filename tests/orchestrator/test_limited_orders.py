"""Velocity limits on both ways of ACH: judged in the commit that accepts an order."""

import asyncio
from typing import Any

import pytest

from app.errors import LimitExceeded
from app.ids import new_id
from tests.worlds import Customer, World

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def timings() -> dict[str, Any]:
    """The settings of limits: 150 dollars a day out, three pulls an hour in."""
    limits = [
        {"rail": "ach-push", "currency": "USD", "period": "day", "amount": "150.00"},
        {"rail": "ach-pull", "currency": "USD", "period": "hour", "count": 3},
    ]
    return {"limits": limits}


async def somebody(world: World) -> Customer:
    """A customer who has used nothing of any limit, with 500 dollars."""
    return await world.with_new_accounts(await world.customer(new_id("limited")), "500.00")


async def test_withdrawals_of_a_day_stay_within_its_limit(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    key = new_id("key")
    first = await world.withdraw(customer, "100.00", key=key)
    with pytest.raises(LimitExceeded) as refused:
        await world.withdraw(customer, "50.01")
    assert (refused.value.facts["bound"], refused.value.facts["used"]) == ("150.00", "100.00")
    assert await world.available(customer.dollars_id) == "400.00"
    assert await world.withdraw(customer, "100.00", key=key) == first
    await world.withdraw(customer, "50.00")
    world.clock.advance(DAY_S)
    await world.withdraw(customer, "150.00")
    await world.settle()
    assert await world.available(customer.dollars_id) == "200.00"


async def test_of_withdrawals_at_once_only_as_many_as_the_limit_allows(calm_world: World) -> None:
    customer = await somebody(calm_world)
    answers = await asyncio.gather(*(calm_world.withdraw(customer, "50.00") for _ in range(5)), return_exceptions=True)
    refused = [type(answer) for answer in answers if not isinstance(answer, str)]
    assert refused == [LimitExceeded, LimitExceeded]
    await calm_world.settle()
    assert await calm_world.available(customer.dollars_id) == "350.00"


async def test_deposits_and_what_a_bank_pays_for_count_together(calm_world: World) -> None:
    world, customer = calm_world, await somebody(calm_world)
    await world.deposit(customer)
    await world.buy(customer, to="account")
    await world.deposit(customer)
    for pull in (world.deposit(customer), world.buy(customer)):
        with pytest.raises(LimitExceeded, match="ach-pull"):
            await pull
    await world.buy(customer, paying="account", to="account")
    await world.settle()
    assert await world.available(customer.dollars_id) == "600.00"


async def test_over_the_api_the_refusal_says_when_the_limit_resets(calm_world: World) -> None:
    customer = await somebody(calm_world)
    body = {"account_id": customer.dollars_id, "bank_link_id": customer.bank_link_id, "amount": "150.01"}
    headers = {**await calm_world.signed_in(customer.name), "Idempotency-Key": new_id("key")}
    answer = await calm_world.api.post("/v1/withdrawals", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "limit-exceeded")
    assert answer.json()["resets_at"].endswith("T00:00:00.000Z")
