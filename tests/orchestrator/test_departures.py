"""Coins that leave by a transaction that no saga knows are recognised by what it does, or booked as nobody's."""

from datetime import timedelta
from typing import Any

import pytest

from app.identity.principals import DEFAULT_TENANT
from app.ledger.accounts import suspense
from app.money import ASSETS, BTC, Asset, Money
from app.orchestrator.effects import EffectStatus
from app.orchestrator.flows.chart import custody
from app.orchestrator.progress import order_status
from app.providers.chain_ports import CoinOrder
from tests.orchestrator.late import owed, recoveries_of
from tests.worlds import ADDRESS, Customer, World

ETH = ASSETS["ETH"]
EVM = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
KEYED = {"x-api-key": "any"}


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"provider_timeout_s": 0.9, "quiet_period_s": 1.5, "lease_s": 3.0}


async def sign_without_asking(world: World, pending_id: str, tx_id: str) -> None:
    """A daemon that has lost the address of its question broadcasts what is queued."""
    (await world.desk.put(f"/tatum/v3/kms/{pending_id}/{tx_id}", headers=KEYED)).raise_for_status()


async def book_balance(world: World, account_id: str) -> int:
    return await world.runtime.ledger.balance(account_id)


async def told(world: World, tx_id: str) -> list[dict[str, Any]]:
    return await world.runtime.database["inbox"].find({"refs": f"tatum:tx:{tx_id}"}).to_list()


async def test_coins_that_left_for_nobody_are_on_suspense_and_before_a_person(calm_world: World) -> None:
    world, tx_id, gone = calm_world, f"0x{'d' * 64}", Money.parse("2", ETH)
    held = custody(DEFAULT_TENANT, ETH).id, suspense(DEFAULT_TENANT, ETH).id
    before = [await book_balance(world, each) for each in held]
    coins = world.runtime.providers.coins
    order = CoinOrder("ethereum", EVM, gone, nonce=await coins.next_nonce("ethereum"))
    await sign_without_asking(world, await coins.send(order), tx_id)
    await world.settle()
    left, uncertain = [await book_balance(world, each) - old for each, old in zip(held, before, strict=True)]
    assert uncertain == -gone.minor
    assert 0 < left - gone.minor < gone.minor // 100, "the network took some more"
    case = await world.runtime.database["cases"].find_one({"ref": f"tatum:tx:{tx_id}"})
    assert case is not None
    assert (case["kind"], case["chain"], case["asset"], case["status"]) == (
        "unexplained-departure",
        "ethereum",
        "ETH",
        "open",
    )
    world.clock.advance(61)
    await world.runtime.observations.work_off()
    assert {each["status"] for each in await told(world, tx_id)} == {"done"}
    await world.audit()


async def test_a_send_that_was_given_up_and_left_all_the_same_is_its_customers(
    calm_world: World, ada: Customer
) -> None:
    world, tx_id = calm_world, f"0x{'e' * 64}"
    account_id = await world.with_coins(ada, Money.parse("3", ETH))
    await world.dial("tatum send", "timeout_before", times=1_000)
    saga_id = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    await world.calm_down()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert (effect.status, effect.provider_ref) == (EffectStatus.CANCELLED, None)
    assert order_status(await world.saga(saga_id)) == "cancelled"
    late = CoinOrder("ethereum", EVM, Money.parse("1", ETH), nonce=effect.request["nonce"])
    await sign_without_asking(world, await world.runtime.providers.coins.send(late), tx_id)
    await world.settle()
    (recovery,) = await recoveries_of(world, saga_id)
    assert (recovery.status, recovery.params["ref"]) == ("completed", f"tatum:tx:{tx_id}")
    assert await world.postings(recovery.id) == ["book.left", "book.fee"]
    assert (await owed(world, recovery.user_id))["ETH"] == str(10**18)
    await world.audit()


async def test_a_send_with_the_nonce_of_one_that_was_given_up_is_itself(calm_world: World, ada: Customer) -> None:
    world, sweeping = calm_world, calm_world.runtime.chain_news.treasury_sweeping
    account_id = await world.with_coins(ada, Money.parse("3", ETH))
    await world.dial("tatum send", "timeout_before", times=1_000)
    first = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    await world.calm_down()
    await sweeping.look()
    again = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.webhooks_travel("drop")
    for _ in range(60):
        if (await world.saga(again)).status == "completed":
            break
        await world.third_parties_act(until=world.clock.now() + timedelta(seconds=5))
        await sweeping.look()
        assert await world.pass_on()
    assert (await world.saga(again)).status == "completed"
    nonces = {(await world.saga(each)).results["deliver"]["nonce"] for each in (first, again)}
    assert len(nonces) == 1
    assert await recoveries_of(world, first) == []
    assert (await world.available(account_id)).startswith("1.99")


@pytest.mark.parametrize("told", [True, False])
async def test_coins_that_leave_without_a_word_are_found_in_the_treasurys_history_once(
    calm_world: World, *, told: bool
) -> None:
    world, tx_id = calm_world, f"0x{'f' if told else 'a':>064}"
    sweeping, coins = world.runtime.chain_news.treasury_sweeping, world.runtime.providers.coins
    uncertain = suspense(DEFAULT_TENANT, ETH).id
    await sweeping.look()
    before = await book_balance(world, uncertain)
    if not told:
        await world.webhooks_travel("drop")
    order = CoinOrder("ethereum", EVM, Money.parse("2", ETH), nonce=await coins.next_nonce("ethereum"))
    await sign_without_asking(world, await coins.send(order), tx_id)
    await world.settle()
    for _ in range(2):
        await sweeping.look()
    assert await book_balance(world, uncertain) == before - 2 * 10**18
    await world.audit()


@pytest.mark.parametrize(
    ("chain", "coin", "to"),
    [
        ("ethereum", ETH, EVM),
        ("polygon", ASSETS["USDC"], EVM),
        ("bitcoin", BTC, ADDRESS),
        ("tron", ASSETS["USDT"], "TMoA5QSM8XFt9y31sQE2A341ULr3VkRGRD"),
        ("solana", ASSETS["SOL"], "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv"),
        ("solana", ASSETS["USDC"], "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv"),
    ],
)
async def test_what_sagas_have_sent_is_nobodys_departure(
    calm_world: World, ada: Customer, chain: str, coin: Asset, to: str
) -> None:
    """Not even in the moment in which the chain knows the transaction, and its saga does not."""
    world, sweeping = calm_world, calm_world.runtime.chain_news.treasury_sweeping
    await sweeping.look()
    account_id = await world.with_coins(ada, Money.parse("50", coin))
    saga_id = await world.send_coins(ada, "10", chain=chain, address=to, account_id=account_id)
    await world.webhooks_travel("drop")
    for _ in range(60):
        await world.third_parties_act(until=world.clock.now() + timedelta(seconds=5))
        await sweeping.look()
        if (await world.saga(saga_id)).status == "completed" or not await world.pass_on():
            break
    saga = await world.saga(saga_id)
    tx_id = saga.results["deliver"]["tx_id"]
    assert (saga.status, await recoveries_of(world, saga_id)) == ("completed", [])
    assert await world.runtime.database["cases"].find_one({"ref": f"tatum:tx:{tx_id}"}) is None
    await world.audit()


async def test_a_send_that_was_reverted_is_nobodys_departure(calm_world: World, ada: Customer) -> None:
    world, sweeping = calm_world, calm_world.runtime.chain_news.treasury_sweeping
    await sweeping.look()
    account_id = await world.with_coins(ada, Money.parse("50", ASSETS["USDC"]))
    saga_id = await world.send_coins(ada, "10", chain="ethereum", address=EVM, account_id=account_id)
    while "tx_id" not in (await world.saga(saga_id)).results.get("deliver", {}):
        assert await world.pass_on()
    tx_id = (await world.saga(saga_id)).results["deliver"]["tx_id"]
    (await world.desk.post("/control/tatum/fail", json={"hash": tx_id})).raise_for_status()
    forgotten = {"$set": {"waits": [], "wake_at": world.clock.now() + timedelta(hours=1)}}
    await world.runtime.database["sagas"].update_one({"_id": saga_id}, forgotten)
    await world.third_parties_act(until=world.clock.now() + timedelta(minutes=30))
    await sweeping.look()
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "cancelled"
    assert await world.runtime.database["cases"].find_one({"ref": f"tatum:tx:{tx_id}"}) is None
    assert await world.available(account_id) == "50.000000"
    await world.audit()


@pytest.mark.parametrize(("chain", "coin", "to"), [("ethereum", ETH, EVM), ("bitcoin", BTC, ADDRESS)])
async def test_a_send_is_recognised_among_hundreds_to_the_same_receiver(
    calm_world: World, ada: Customer, chain: str, coin: Asset, to: str
) -> None:
    world, effects = calm_world, calm_world.runtime.database["effects"]
    sweeping = world.runtime.chain_news.treasury_sweeping
    await sweeping.look()
    account_id = await world.with_coins(ada, Money.parse("50", coin))
    before = await world.send_coins(ada, "1", chain=chain, address=to, account_id=account_id)
    await world.settle()
    sent = await effects.find_one({"saga_id": before})
    assert sent is not None
    many = [{**sent, "_id": f"{sent['_id']}-{number}"} for number in range(200)]
    await effects.insert_many([{**each, "request": {**each["request"], "nonce": -1}} for each in many])
    saga_id = await world.send_coins(ada, "2", chain=chain, address=to, account_id=account_id)
    await world.webhooks_travel("drop")
    for _ in range(60):
        await world.third_parties_act(until=world.clock.now() + timedelta(seconds=5))
        await sweeping.look()
        if (await world.saga(saga_id)).status == "completed" or not await world.pass_on():
            break
    await effects.delete_many({"_id": {"$in": [each["_id"] for each in many]}})
    saga = await world.saga(saga_id)
    assert saga.status == "completed"
    assert (
        await world.runtime.database["cases"].find_one({"ref": f"tatum:tx:{saga.results['deliver']['tx_id']}"}) is None
    )
    await world.audit()
