"""Coins that arrive: seen, pending, and the customer's at the depth that chain and amount ask for."""

from typing import Any

import pytest

from app.errors import ChainUnsupported
from app.ids import public_id
from app.money import ASSETS, BTC, Asset, Money
from app.orchestrator.journal import SagaRecord
from app.orchestrator.progress import order_status
from tests.worlds import BOOK, Customer, World

ETH, USDC = ASSETS["ETH"], ASSETS["USDC"]


async def deposits_of(world: World, tx_id: str) -> list[SagaRecord]:
    return await world.runtime.sagas.sagas({"type": "crypto_deposit", "params.tx_id": tx_id}, 10)


async def until_seen(world: World, tx_id: str) -> SagaRecord:
    while not (found := await deposits_of(world, tx_id)):
        assert await world.pass_on()
    return found[0]


async def desk(world: World, what: str, **body: Any) -> None:
    (await world.desk.post(f"/control/tatum/{what}", json=body)).raise_for_status()


@pytest.mark.parametrize(
    ("chain", "amount"),
    [
        ("bitcoin", Money(5_000_000, BTC)),
        ("ethereum", Money(10**18, ETH)),
        ("ethereum", Money(25_000_000, USDC)),
        ("ethereum", Money(25_000_000, ASSETS["USDT"])),
        ("polygon", Money(25_000_000, USDC)),
        ("tron", Money(7_000_000, ASSETS["USDT"])),
        ("tron", Money(7_000_000, ASSETS["TRX"])),
        ("solana", Money(7_000_000_000, ASSETS["SOL"])),
        ("solana", Money(25_000_000, USDC)),
    ],
)
async def test_coins_are_the_customers_once_they_are_deep_enough(
    calm_world: World, ada: Customer, chain: str, amount: Money
) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, amount.asset))
    address = await world.receiving_address(account_id, chain)
    tx_id = await world.coins_arrive(chain, address, amount)
    saga = await until_seen(world, tx_id)
    assert order_status(saga) == "pending"
    assert await world.available(account_id) == str(Money(1, amount.asset))
    await world.settle()
    assert order_status(await world.saga(saga.id)) == "completed"
    assert await world.available(account_id) == str(amount + Money(1, amount.asset))
    assert await world.postings(saga.id) == ["record.seen", "confirm.confirmed", "confirm.credited"]
    await world.audit()


async def test_told_twice_and_out_of_order_it_is_one_deposit(calm_world: World, ada: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, BTC))
    address = await world.receiving_address(account_id, "bitcoin")
    await world.webhooks_travel("duplicate")
    tx_id = await world.coins_arrive("bitcoin", address, Money(500, BTC))
    await world.settle()
    (saga,) = await deposits_of(world, tx_id)
    assert order_status(saga) == "completed"
    assert await world.available(account_id) == "0.00000501"
    await world.audit()


async def test_a_deposit_whose_block_is_lost_is_mirrored(calm_world: World, ada: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, ETH))
    tx_id = await world.coins_arrive(
        "ethereum", await world.receiving_address(account_id, "ethereum"), Money(20 * 10**18, ETH)
    )
    saga = await until_seen(world, tx_id)
    await desk(world, "reorg", hash=tx_id, lost=True)
    await world.settle()
    assert order_status(await world.saga(saga.id)) == "reorganised"
    assert await world.available(account_id) == str(Money(1, ETH))
    assert await world.postings(saga.id) == ["record.seen", "record.taken-back"]
    await world.audit()


async def test_a_deposit_that_is_mined_again_is_credited_once(calm_world: World, ada: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, ETH))
    tx_id = await world.coins_arrive(
        "ethereum", await world.receiving_address(account_id, "ethereum"), Money(20 * 10**18, ETH)
    )
    saga = await until_seen(world, tx_id)
    await desk(world, "reorg", hash=tx_id)
    await world.settle()
    assert order_status(await world.saga(saga.id)) == "completed"
    assert await world.available(account_id) == str(Money(20 * 10**18 + 1, ETH))
    await world.audit()


async def test_another_asset_at_the_same_address_goes_to_an_account_of_its_own(
    calm_world: World, ada: Customer
) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, ETH))
    address = await world.receiving_address(account_id, "ethereum")
    tx_id = await world.coins_arrive("ethereum", address, Money(3_000_000, USDC))
    await world.settle()
    (saga,) = await deposits_of(world, tx_id)
    assert order_status(saga) == "completed"
    assert public_id(saga.params["account_id"]) != account_id
    account = await world.runtime.ledger.account(saga.params["account_id"])
    assert account is not None
    assert (account.user_id, account.asset) == (ada.user_id, USDC)
    await world.audit()


async def test_coins_at_an_address_that_is_nobodys_are_kept_as_a_case(calm_world: World) -> None:
    world = calm_world
    stranger = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"
    await world.runtime.providers.receiving.watch("bitcoin", stranger)
    tx_id = await world.coins_arrive("bitcoin", stranger, Money(500, BTC))
    await world.settle()
    case = await world.runtime.database["cases"].find_one({"ref": f"tatum:tx:{tx_id}"})
    assert case is not None
    assert (case["kind"], case["status"], case["user_id"]) == ("unclaimed-coins", "open", None)


@pytest.mark.parametrize(("chain", "coin"), [("ethereum", ETH), ("solana", ASSETS["SOL"])])
async def test_an_account_has_one_address_a_chain_and_nobody_elses(
    calm_world: World, ada: Customer, chain: str, coin: Asset
) -> None:
    world = calm_world
    accounts = [await world.with_coins(ada, Money(1, coin)) for _ in range(2)]
    found = [await world.receiving_address(account, chain) for account in accounts]
    assert len(set(found)) == 2
    assert await world.receiving_address(accounts[0], chain) == found[0]
    with pytest.raises(ChainUnsupported):
        await world.receiving_address(accounts[0], "bitcoin")


async def test_the_routes_give_an_address_and_list_it(calm_world: World, ada: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money(1, BTC))
    headers = await world.signed_in("ada")
    body = {"chain": "bitcoin", "account_id": account_id}
    first, again = [await world.api.post("/v1/crypto/addresses", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())
    listed = (await world.api.get("/v1/crypto/addresses", headers=headers)).json()["items"]
    assert first.json() in listed
    assert BOOK not in first.json()["id"]
