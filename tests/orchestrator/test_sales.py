"""Coins for dollars, at a quote that serves once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from app.errors import QuoteUsed
from app.ids import base_id, new_id, public_id
from app.ledger.accounts import AccountStatus
from app.money import BTC, Money
from app.orchestrator.progress import order_status
from tests.orchestrator.commanded import give
from tests.worlds import Customer, World


async def inventory(world: World) -> Money:
    return Money.parse(await world.inventory(), BTC)


async def ask(world: World, headers: Mapping[str, str], path: str, body: Mapping[str, Any], key: str = "") -> Any:
    return await world.api.post(path, json=body, headers={**headers, "Idempotency-Key": key or new_id("key")})


async def test_what_a_customer_sells_may_be_sold_to_the_next(calm_world: World, rich_ada: Customer) -> None:
    before = await inventory(calm_world)
    await calm_world.sell(rich_ada, "0.004")
    await calm_world.settle()
    assert await inventory(calm_world) == before + Money.parse("0.004", BTC)


async def test_the_fee_is_a_leg_of_the_conversion(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.sell(rich_ada)
    await calm_world.settle()
    _, converted = await calm_world.runtime.ledger.transactions_of_saga(saga_id)
    legs = [(public_id(base_id(leg["account_id"])), leg["side"], str(leg["amount"])) for leg in converted["legs"]]
    assert legs == [
        (rich_ada.coins_id, "DR", "100000"),
        ("acc_trading-BTC", "CR", "100000"),
        ("acc_trading-USD", "DR", "9700"),
        (rich_ada.dollars_id, "CR", "9554"),
        ("acc_fee-USD", "CR", "146"),
    ]


async def test_its_story(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.sell(rich_ada)
    await calm_world.settle()
    assert await calm_world.story(saga_id, rich_ada) == [
        "The request was accepted.",
        "Record: the quote was used, and its 0.00100000 BTC are held in the account.",
        "Convert: 0.00100000 BTC became 95.54 USD, as quoted.",
        "Everything is done.",
    ]


async def test_a_freeze_of_the_receiving_account_parks_with_the_coins_held(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.sell(rich_ada)
    await world.set_status(rich_ada.dollars_id, AccountStatus.FROZEN)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "account-frozen", "do:convert")
    assert await world.available(rich_ada.coins_id) == "0.00900000"
    await world.audit()
    await world.set_status(rich_ada.dollars_id, AccountStatus.OPEN)
    await give(world, "retry", saga_id)
    assert order_status(await world.saga(saga_id)) == "completed"
    assert await world.available(rich_ada.dollars_id) == "595.54"


async def test_a_parked_one_is_taken_back_by_command(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    saga_id = await world.sell(rich_ada)
    await world.set_status(rich_ada.dollars_id, AccountStatus.FROZEN)
    await world.settle()
    await give(world, "compensate", saga_id)
    assert order_status(await world.saga(saga_id)) == "cancelled"
    assert await world.postings(saga_id) == ["hold", "release"]
    assert await world.available(rich_ada.coins_id) == "0.01000000"
    await world.audit()


async def test_of_two_sales_at_one_quote_one_is_refused(calm_world: World, rich_ada: Customer) -> None:
    quote = await calm_world.quote_sale(rich_ada)
    answers = await asyncio.gather(*(calm_world.sell(rich_ada, quote=quote) for _ in range(2)), return_exceptions=True)
    assert [type(answer) for answer in answers if not isinstance(answer, str)] == [QuoteUsed]
    await calm_world.settle()
    assert await calm_world.available(rich_ada.coins_id) == "0.00900000"


async def test_a_customer_sells_over_the_api(calm_world: World, rich_ada: Customer) -> None:
    world, headers = calm_world, await calm_world.signed_in(rich_ada.name)
    quoted = {"side": "sell", "base": "BTC", "quote_currency": "USD", "amount": "0.001"}
    quote = (await world.api.post("/v1/quotes", json=quoted, headers=headers)).json()
    assert (
        quote["side"],
        quote["base_amount"],
        quote["total"],
        quote["fee"],
        quote["network_fee"],
        quote["chain"],
    ) == (
        "sell",
        "0.00100000",
        "95.54",
        "1.46",
        "0.00",
        None,
    )
    body = {
        "quote_id": quote["id"],
        "source_account_id": rich_ada.coins_id,
        "destination": {"type": "account", "account_id": rich_ada.dollars_id},
    }
    key = new_id("key")
    answer = await ask(world, headers, "/v1/sales", body, key)
    assert answer.status_code == 202
    sale = answer.json()
    assert (sale["status"], sale["total"], sale["base"], sale["destination_account_id"]) == (
        "converting",
        "95.54",
        "BTC",
        rich_ada.dollars_id,
    )
    await world.runtime.redis.flushdb()
    assert (await ask(world, headers, "/v1/sales", body, key)).json()["id"] == sale["id"]
    await world.settle()
    shown = await world.api.get(f"/v1/sales/{sale['id']}", headers=headers)
    assert shown.json()["status"] == "completed"
    strangers = await world.api.get(f"/v1/sales/{sale['id']}", headers=await world.signed_in("mallory"))
    assert (strangers.status_code, strangers.json()["code"]) == (404, "not-found")
    used = await ask(world, headers, "/v1/sales", body)
    assert (used.status_code, used.json()["code"]) == (409, "quote-used")


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"chain": "bitcoin"}, 422), ({"side": "lend"}, 422), ({"amount": "0.000000001"}, 422), ({"base": "USD"}, 422)],
)
async def test_a_quote_that_makes_no_sense_is_refused(
    calm_world: World, rich_ada: Customer, changed: dict[str, str], status: int
) -> None:
    quoted = {"side": "sell", "base": "BTC", "quote_currency": "USD", "amount": "0.001", **changed}
    headers = await calm_world.signed_in(rich_ada.name)
    answer = await calm_world.api.post("/v1/quotes", json=quoted, headers=headers)
    assert answer.status_code == status
