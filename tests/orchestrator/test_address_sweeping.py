"""Coins whose webhook was lost are found where the chain lists them; what was told wakes who waits for it."""

from datetime import timedelta
from typing import Any

import pytest

from app.money import ASSETS, BTC, Money
from app.orchestrator.journal import SagaRecord
from app.orchestrator.progress import order_status
from app.providers.events import WebhookEvent
from app.wallets.address_looks import LONGEST_PAUSE
from tests.worlds import Customer, World

ETH, USDC = ASSETS["ETH"], ASSETS["USDC"]
FIRST_PAUSE = timedelta(minutes=1)


async def address_of(world: World, customer: Customer, amount: Money, chain: str) -> str:
    return await world.receiving_address(await world.with_coins(customer, amount), chain)


async def deposits_of(world: World, tx_id: str) -> list[SagaRecord]:
    return await world.runtime.sagas.sagas({"type": "crypto_deposit", "params.tx_id": tx_id}, 10)


async def kept(world: World, address: str) -> dict[str, Any]:
    document = await world.runtime.database["crypto_addresses"].find_one({"address": address})
    assert document is not None
    return document


async def swept(world: World, after: timedelta) -> int:
    """The others' addresses have their turn as well; what counts is what was found."""
    world.clock.advance(after.total_seconds())
    return await world.runtime.chain_news.address_sweeping.sweep()


async def rest(world: World) -> None:
    """Whatever earlier tests left to be found is found."""
    await world.settle()
    await swept(world, FIRST_PAUSE)


@pytest.mark.parametrize(
    ("chain", "amount"),
    [
        ("bitcoin", Money(500, BTC)),
        ("ethereum", Money(25_000_000, USDC)),
        ("tron", Money(7_000_000, ASSETS["USDT"])),
        ("solana", Money(25_000_000, USDC)),
    ],
)
async def test_coins_that_nobody_told_of_are_found_once(
    calm_world: World, ada: Customer, chain: str, amount: Money
) -> None:
    world = calm_world
    await rest(world)
    address = await address_of(world, ada, amount, chain)
    await world.webhooks_travel("drop")
    tx_id = await world.coins_arrive(chain, address, amount)
    await world.settle()
    assert await deposits_of(world, tx_id) == []
    assert await swept(world, FIRST_PAUSE) == 1
    await world.settle()
    (saga,) = await deposits_of(world, tx_id)
    assert order_status(await world.saga(saga.id)) == "completed"
    assert await swept(world, 2 * FIRST_PAUSE) == 0
    assert len(await deposits_of(world, tx_id)) == 1
    await world.audit()


async def test_what_was_told_is_not_found_again(calm_world: World, ada: Customer) -> None:
    world = calm_world
    await rest(world)
    address = await address_of(world, ada, Money(1, ETH), "ethereum")
    tx_id = await world.coins_arrive("ethereum", address, Money(10**18, ETH))
    await world.settle()
    assert len(await deposits_of(world, tx_id)) == 1
    assert await swept(world, FIRST_PAUSE) == 0


async def test_a_quiet_address_is_looked_at_ever_more_rarely_until_somebody_asks_for_it(
    calm_world: World, ada: Customer
) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, ETH))
    address = await world.receiving_address(account_id, "ethereum")
    pauses = []
    for _ in range(13):
        document = await kept(world, address)
        world.clock.advance((document["look_at"] - world.clock.now()).total_seconds())
        await world.runtime.chain_news.address_sweeping.sweep()
        pauses.append((await kept(world, address))["look_pause_s"])
    assert pauses[:3] == [120, 240, 480]
    assert pauses[-1] == LONGEST_PAUSE.total_seconds()
    await world.receiving_address(account_id, "ethereum")
    assert (await kept(world, address))["look_at"] == world.clock.now() + FIRST_PAUSE


async def test_when_the_history_cannot_be_read_it_is_looked_at_again(calm_world: World, ada: Customer) -> None:
    world = calm_world
    await rest(world)
    address = await address_of(world, ada, Money(1, ETH), "ethereum")
    await world.webhooks_travel("drop")
    tx_id = await world.coins_arrive("ethereum", address, Money(10**18, ETH))
    await world.settle()
    await world.dial("tatum history", "error", times=100)
    assert await swept(world, FIRST_PAUSE) == 0
    (await world.desk.delete("/control/faults")).raise_for_status()
    assert await swept(world, FIRST_PAUSE) == 1
    assert len(await deposits_of(world, tx_id)) == 1


async def test_more_than_a_page_of_coins_is_found(calm_world: World, ada: Customer) -> None:
    world = calm_world
    await rest(world)
    address = await address_of(world, ada, Money(1, ETH), "ethereum")
    await world.webhooks_travel("drop")
    for number in range(53):
        await world.coins_arrive("ethereum", address, Money(10**15 + number, ETH))
    await world.settle()
    assert await swept(world, FIRST_PAUSE) == 53


async def test_a_deposit_that_is_told_of_again_is_looked_at_at_once(calm_world: World, ada: Customer) -> None:
    world = calm_world
    address = await address_of(world, ada, Money(1, ETH), "ethereum")
    tx_id = await world.coins_arrive("ethereum", address, Money(10**18, ETH))
    while not (found := await deposits_of(world, tx_id)):
        assert await world.pass_on()
    await world.work()
    assert f"tatum:tx:{tx_id}" in (await world.saga(found[0].id)).waits
    told = WebhookEvent(
        "tatum", f"evt-{tx_id}", "INCOMING_NATIVE_TX", (f"tatum:tx:{tx_id}",), {"chain": "ethereum-sepolia"}
    )
    await world.runtime.inbox.receive([told])
    looks = (await world.saga(found[0].id)).looks
    await world.runtime.observations.work_off()
    await world.work()
    assert (await world.saga(found[0].id)).looks == looks + 1
