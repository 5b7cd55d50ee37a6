"""Coins on their way out: held, charged, sent once on whatever chain, or given back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.errors import ChainUnsupported, CurrencyMismatch, InsufficientFunds, InvalidAddress, InvalidAmount
from app.ids import new_id
from app.money import ASSETS, Money
from app.orchestrator.engine import Claim
from app.orchestrator.progress import order_status
from app.providers.chain_ports import CoinOrder
from tests.orchestrator.scenarios import Outside
from tests.worlds import ADDRESS, Customer, World

EVM = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
TRON, SOLANA = "TMoA5QSM8XFt9y31sQE2A341ULr3VkRGRD", "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv"


async def sent_from_new_account(
    world: World, customer: Customer, held: str, amount: str, *, chain: str = "ethereum", to: str = EVM
) -> tuple[str, str]:
    """The saga of a withdrawal from an account that only this test knows, and the account."""
    number, code = held.split()
    account_id = await world.with_coins(customer, Money.parse(number, ASSETS[code]))
    return await world.send_coins(customer, amount, chain=chain, address=to, account_id=account_id), account_id


async def last_sent(world: World) -> dict[str, Any]:
    return (await world.chain_transactions())[-1]


async def desk(world: World, what: str, **body: Any) -> None:
    (await world.desk.post(f"/control/tatum/{what}", json=body)).raise_for_status()


async def until_broadcast(world: World, saga_id: str) -> str:
    """Go on until the send is in the pool; its hash."""
    while "tx_id" not in (await world.saga(saga_id)).results.get("deliver", {}):
        assert await world.pass_on()
    return str((await world.saga(saga_id)).results["deliver"]["tx_id"])


@pytest.mark.parametrize(
    ("held", "amount", "chain", "to", "left"),
    [
        ("2 ETH", "1.5", "ethereum", EVM, "0.499580000000000000"),
        ("100 USDC", "60", "ethereum", EVM, "35.580000"),
        ("100 USDT", "60", "ethereum", EVM, "35.580000"),
        ("100 POL", "60", "polygon", EVM, "39.999580000000000000"),
        ("100 USDC", "60", "polygon", EVM, "39.999350"),
        ("100 TRX", "60", "tron", TRON, "38.900000"),
        ("100 USDT", "60", "tron", TRON, "34.000000"),
        ("2 SOL", "1", "solana", SOLANA, "0.999995000"),
        ("100 USDC", "60", "solana", SOLANA, "39.632029"),
    ],
)
async def test_coins_and_tokens_are_delivered_on_every_chain(
    calm_world: World, ada: Customer, held: str, amount: str, chain: str, to: str, left: str
) -> None:
    world = calm_world
    before = await Outside.of(world)
    saga_id, account_id = await sent_from_new_account(world, ada, held, amount, chain=chain, to=to)
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=1)
    line = await last_sent(world)
    assert (line["to"].lower(), line["chain"], line["currency"]) == (to.lower(), chain, held.split()[1])
    assert await world.available(account_id) == left
    await world.audit()


async def test_a_wallets_account_for_a_token_is_opened_once_and_its_rent_is_booked(
    calm_world: World, ada: Customer
) -> None:
    world, receiver = calm_world, "4Jmhc1tjvK4vQZ8i9roP9W389NA7USXrTKRvcbQeoZcn"
    account_id = await world.with_coins(ada, Money.parse("9", ASSETS["USDC"]))
    burnt = []
    for _ in range(2):
        saga_id = await world.send_coins(ada, "1", chain="solana", address=receiver, account_id=account_id)
        await world.settle()
        sent = (await world.saga(saga_id)).results["deliver"]["tx_id"]
        found = await world.runtime.providers.coins.transaction("solana", sent)
        assert found is not None
        burnt.append(str(found.fee))
    assert burnt == ["0.002044280", "0.000005000"]
    await world.audit()


async def test_sends_at_once_have_nonces_of_their_own_without_a_gap(calm_world: World, ada: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money.parse("9", ASSETS["ETH"]))
    sagas = [await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id) for _ in range(4)]
    await world.settle()
    nonces = [(await world.saga(saga)).results["deliver"]["nonce"] for saga in sagas]
    assert sorted(nonces) == list(range(min(nonces), min(nonces) + 4))
    assert {order_status(await world.saga(saga)) for saga in sagas} == {"completed"}
    await world.audit()


@pytest.mark.parametrize(("coin", "chain", "to"), [("ETH", "ethereum", EVM), ("BTC", "bitcoin", ADDRESS)])
async def test_a_send_that_wants_what_another_has_just_taken_looks_again_at_once(
    calm_world: World, ada: Customer, coin: str, chain: str, to: str
) -> None:
    world, engine = calm_world, calm_world.runtime.engine
    account_id = await world.with_coins(ada, Money.parse("9", ASSETS[coin]))
    sagas = {await world.send_coins(ada, "1", chain=chain, address=to, account_id=account_id) for _ in range(4)}
    store, lease_s, now = world.runtime.sagas, world.runtime.settings.lease_s, asyncio.get_running_loop().time()
    claimed = [each for each in await store.claim(world.clock.now(), lease_s, 100) if each.id in sagas]
    await asyncio.gather(*(engine.drive(each, Claim(store, each, lease_s, now)) for each in claimed))
    taken = [(await world.saga(saga)).results.get("deliver", {}) for saga in sagas]
    assert all("from" in each for each in taken), "somebody sleeps on it"
    await world.settle()
    await world.audit()


async def test_a_declined_send_gives_its_nonce_to_the_next_one(calm_world: World, ada: Customer) -> None:
    world = calm_world
    await world.dial("tatum send", "decline")
    declined, account_id = await sent_from_new_account(world, ada, "3 ETH", "1")
    await world.settle()
    assert order_status(await world.saga(declined)) == "cancelled"
    assert await world.available(account_id) == "3.000000000000000000"
    following = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    assert order_status(await world.saga(following)) == "completed"
    nonces = [(await world.saga(saga)).results["deliver"]["nonce"] for saga in (declined, following)]
    assert nonces[0] == nonces[1]
    await world.audit()


async def test_an_operation_with_another_nonce_is_not_approved(calm_world: World, ada: Customer) -> None:
    world = calm_world
    saga_id, _ = await sent_from_new_account(world, ada, "3 ETH", "1")
    await world.work()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    other = CoinOrder("ethereum", EVM, Money.parse("1", ASSETS["ETH"]), nonce=effect.request["nonce"] + 1)
    pending_id = await world.runtime.providers.coins.send(other)
    assert (await world.api.get(f"/webhooks/tatum/kms/{pending_id}")).status_code == 403
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"


@pytest.mark.parametrize(
    ("chain", "held", "amount", "to"),
    [
        ("ethereum", "3 ETH", "1", EVM),
        ("bitcoin", "1 BTC", "0.1", "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy"),
    ],
)
async def test_a_send_that_was_replaced_is_given_back_once_the_other_is_deep(
    calm_world: World, ada: Customer, chain: str, held: str, amount: str, to: str
) -> None:
    world = calm_world
    saga_id, account_id = await sent_from_new_account(world, ada, held, amount, chain=chain, to=to)
    tx_id = await until_broadcast(world, saga_id)
    await desk(world, "replace", hash=tx_id)
    began = world.clock.now()
    await world.settle()
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == (
        "cancelled",
        "nonce-used" if chain == "ethereum" else "inputs-spent",
    )
    assert world.clock.now() - began >= timedelta(seconds=30)
    assert (await world.available(account_id)).rstrip("0").rstrip(".") == held.split(maxsplit=1)[0]
    await world.audit()


async def test_a_reverted_send_is_given_back_and_its_gas_is_ours(calm_world: World, ada: Customer) -> None:
    world = calm_world
    saga_id, account_id = await sent_from_new_account(world, ada, "100 USDC", "60")
    await desk(world, "fail", hash=await until_broadcast(world, saga_id))
    await world.settle()
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("cancelled", "reverted")
    assert await world.available(account_id) == "100.000000"
    assert "deliver.burnt" in await world.postings(saga_id)
    await world.audit()


async def test_a_send_that_was_only_dropped_is_not_given_up(calm_world: World, ada: Customer) -> None:
    world = calm_world
    saga_id, account_id = await sent_from_new_account(world, ada, "3 BTC", "1", chain="bitcoin", to=ADDRESS)
    await desk(world, "drop", hash=await until_broadcast(world, saga_id))
    for _ in range(30):
        await world.pass_on()
    assert (await world.saga(saga_id)).status == "waiting"
    assert (await world.available(account_id)).startswith("1.9")


REFUSED = [
    ("1 BTC", "0.1", "ethereum", EVM, ChainUnsupported),
    ("1 BTC", "0.1", "dogecoin", EVM, ChainUnsupported),
    ("1 USDT", "1", "polygon", EVM, ChainUnsupported),
    ("1 ETH", "0.1", "ethereum", EVM.swapcase().replace("X", "x"), InvalidAddress),
    ("1 ETH", "0.1", "ethereum", TRON, InvalidAddress),
    ("1 ETH", "1", "ethereum", EVM, InsufficientFunds),
    ("1 ETH", "0", "ethereum", EVM, InvalidAmount),
    ("1 ETH", "0.0000000000000000001", "ethereum", EVM, InvalidAmount),
]


@pytest.mark.parametrize(("held", "amount", "chain", "to", "refusal"), REFUSED)
async def test_what_cannot_be_sent_is_refused_before_anything_is_booked(
    calm_world: World, ada: Customer, held: str, amount: str, chain: str, to: str, refusal: type[Exception]
) -> None:
    world = calm_world
    number, code = held.split()
    account_id = await world.with_coins(ada, Money.parse(number, ASSETS[code]))
    with pytest.raises(refusal):
        await world.send_coins(ada, amount, chain=chain, address=to, account_id=account_id)
    assert Money.parse(await world.available(account_id), ASSETS[code]) == Money.parse(number, ASSETS[code])


async def test_dollars_are_not_sent_on_chain(calm_world: World, rich_ada: Customer) -> None:
    with pytest.raises(CurrencyMismatch):
        await calm_world.send_coins(rich_ada, "1", account_id=rich_ada.dollars_id)


async def test_the_route_starts_one_withdrawal_and_shows_it(calm_world: World, ada: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money.parse("2", ASSETS["ETH"]))
    headers = {**await world.signed_in("ada"), "Idempotency-Key": new_id("key")}
    body = {"account_id": account_id, "chain": "ethereum", "address": EVM.lower(), "amount": "1"}
    answers = [await world.api.post("/v1/crypto-withdrawals", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    first, again = (answer.json() for answer in answers)
    assert first["id"] == again["id"]
    assert (first["network_fee"], first["address"]) == ("0.000420000000000000", EVM)
    await world.settle()
    shown = (await world.api.get(f"/v1/crypto-withdrawals/{first['id']}", headers=headers)).json()
    assert (shown["status"], shown["tx_id"]) == ("completed", (await last_sent(world))["hash"])
    query = {"chain": "ethereum", "currency": "USDC", "amount": "60"}
    fee = (await world.api.get("/v1/crypto/fees", params=query, headers=headers)).json()
    assert (fee["fee"], fee["total"]) == ("4.420000", "64.420000")


async def test_coins_of_any_chain_are_bought_and_delivered(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    saga_id = await world.buy_on(rich_ada, ASSETS["ETH"], "ethereum", EVM)
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    assert (await last_sent(world))["currency"] == "ETH"
    await world.audit()


async def approved_and_deleted(world: World, saga_id: str) -> None:
    """The operation is gone from the vendor's list, and the daemon signs it all the same."""
    while not (effects := await world.runtime.sagas.effects_of(saga_id)) or effects[0].approved_ref is None:
        assert await world.pass_on()
    deleted = await world.desk.delete(f"/tatum/v3/kms/{effects[0].approved_ref}", headers={"x-api-key": "any"})
    assert deleted.is_success


@pytest.mark.parametrize(
    ("held", "amount", "chain", "to", "left"),
    [("3 ETH", "1", "ethereum", EVM, "1.99"), ("3 BTC", "1", "bitcoin", ADDRESS, "1.9")],
)
async def test_an_operation_that_is_gone_after_its_approval_is_looked_for_on_the_chain(
    calm_world: World, ada: Customer, held: str, amount: str, chain: str, to: str, left: str
) -> None:
    world = calm_world
    before = await Outside.of(world)
    saga_id, account_id = await sent_from_new_account(world, ada, held, amount, chain=chain, to=to)
    await approved_and_deleted(world, saga_id)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.results["deliver"]["tx_id"]) == ("completed", (await last_sent(world))["hash"])
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=1)
    assert (await world.available(account_id)).startswith(left)
    await world.audit()


async def test_where_a_send_has_neither_nonce_nor_inputs_an_operation_that_is_gone_proves_nothing(
    calm_world: World, ada: Customer
) -> None:
    world = calm_world
    saga_id, account_id = await sent_from_new_account(world, ada, "9 TRX", "1", chain="tron", to=TRON)
    await approved_and_deleted(world, saga_id)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason) == ("parked", "approved-operation-vanished")
    assert (await world.available(account_id)).startswith("6.9")
