"""A chain that changes its mind after the end: each payment counts once more than it was taken back, or as often."""

from typing import Any

import pytest

from app.ids import new_id, stored_id
from app.ledger import verbs
from app.ledger.accounts import AccountStatus
from app.ledger.transactions import Transaction, credit, debit
from app.money import ASSETS, BTC, Money
from app.orchestrator.flows.chart import custody
from app.orchestrator.journal import SagaRecord
from app.orchestrator.progress import order_status
from app.orchestrator.watches import WatchStatus
from tests.orchestrator.late import case_of, owed, recoveries_of, watches_of
from tests.worlds import BOOK, Customer, World

ETH, USDC = ASSETS["ETH"], ASSETS["USDC"]
EVM = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
COINS = Money(500, BTC)


@pytest.fixture
async def cleo(calm_world: World) -> Customer:
    """A customer whom no other test makes owe anything."""
    names = [each["subject"] async for each in calm_world.runtime.database["users"].find({}, {"subject": 1})]
    return await calm_world.customer(f"cleo-{len(names)}")


async def desk(world: World, what: str, **body: Any) -> dict[str, Any]:
    answer = (await world.desk.post(f"/control/tatum/{what}", json=body)).raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


async def deposits_of(world: World, tx_id: str) -> list[SagaRecord]:
    return await world.runtime.sagas.sagas({"type": "crypto_deposit", "params.tx_id": tx_id}, 10)


async def arrived(world: World, customer: Customer, amount: Money) -> tuple[str, str]:
    """Coins that are on their way to a new account of the customer's: their transaction, and the account."""
    account_id = await world.with_coins(customer, Money(1, amount.asset))
    chain = "bitcoin" if amount.asset == BTC else "ethereum"
    return await world.coins_arrive(chain, await world.receiving_address(account_id, chain), amount), account_id


async def credited(world: World, customer: Customer) -> tuple[SagaRecord, str, str]:
    """A deposit that is the customer's, its transaction, and the account."""
    tx_id, account_id = await arrived(world, customer, COINS)
    await world.settle()
    (saga,) = await deposits_of(world, tx_id)
    assert await world.available(account_id) == "0.00000501"
    return saga, tx_id, account_id


async def vanish(world: World, tx_id: str) -> None:
    """Its block never was; somebody notices."""
    await desk(world, "reorg", hash=tx_id, lost=True)
    await world.runtime.lookout.hear([f"tatum:tx:{tx_id}"])


async def spend(world: World, account_id: str, amount: Money) -> None:
    legs = (debit(stored_id(BOOK, account_id), amount), credit(custody(BOOK, amount.asset), amount))
    await verbs.post(world.runtime.door, Transaction(stored_id(BOOK, new_id("txn")), "spent", legs))


@pytest.mark.parametrize("amount", [Money(20 * 10**18, ETH), Money(25_000_000, USDC)])
async def test_a_deposit_that_was_given_up_and_is_mined_again_is_credited_once(
    calm_world: World, cleo: Customer, amount: Money
) -> None:
    world = calm_world
    tx_id, account_id = await arrived(world, cleo, amount)
    while not await deposits_of(world, tx_id):
        assert await world.pass_on()
    await desk(world, "reorg", hash=tx_id, lost=True)
    await world.settle()
    (saga,) = await deposits_of(world, tx_id)
    assert order_status(saga) == "reorganised"
    assert await world.available(account_id) == str(Money(1, amount.asset))
    await world.webhooks_travel("duplicate")
    await desk(world, "again", hash=tx_id)
    await world.settle()
    (recovery,) = await recoveries_of(world, saga.id)
    assert (recovery.status, recovery.params["happened"]) == ("completed", "mined-again")
    assert await world.available(account_id) == str(amount + Money(1, amount.asset))
    assert len(await deposits_of(world, tx_id)) == 1
    await world.audit()


async def test_coins_that_were_spent_and_then_never_came_are_owed_until_they_come(
    calm_world: World, cleo: Customer
) -> None:
    world = calm_world
    saga, tx_id, account_id = await credited(world, cleo)
    await spend(world, account_id, Money(300, BTC))
    await vanish(world, tx_id)
    await world.settle()
    (recovery,) = await recoveries_of(world, saga.id)
    assert (recovery.status, recovery.params["happened"]) == ("completed", "vanished")
    assert await world.available(account_id) == "0.00000000"
    assert (await owed(world, saga.user_id))["BTC"] == "299"
    account = await world.runtime.ledger.account(stored_id(BOOK, account_id))
    assert account is not None
    assert account.status is AccountStatus.FROZEN
    case = await case_of(world, recovery.id)
    assert case is not None
    assert (case["kind"], case["concerns"], case["status"]) == ("chain-deposit", saga.id, "open")
    await world.audit()
    await desk(world, "again", hash=tx_id)
    await world.settle()
    (again,) = await recoveries_of(world, recovery.id)
    assert (again.status, again.params["happened"]) == ("completed", "mined-again")
    assert await world.available(account_id) == "0.00000201"
    assert (await owed(world, saga.user_id))["BTC"] == "0"
    await world.audit()


async def test_a_chain_that_wavers_is_followed_for_as_long_as_it_does(calm_world: World, cleo: Customer) -> None:
    world = calm_world
    saga, tx_id, account_id = await credited(world, cleo)
    await vanish(world, tx_id)
    await world.act()
    await desk(world, "again", hash=tx_id)
    await world.settle()
    (wavered,) = await recoveries_of(world, saga.id)
    assert (wavered.status, await world.postings(wavered.id)) == ("completed", [])
    assert await world.available(account_id) == "0.00000501"
    (first,) = await watches_of(world, saga.id)
    (second,) = await watches_of(world, wavered.id)
    assert (first.status, second.status, second.kind) == (WatchStatus.TRIPPED, WatchStatus.OPEN, first.kind)
    await vanish(world, tx_id)
    await world.settle()
    (undone,) = await recoveries_of(world, wavered.id)
    assert await world.postings(undone.id) == ["book.undone"]
    assert await world.available(account_id) == "0.00000001"
    await world.audit()


async def test_a_deposit_that_comes_back_as_another_amount_is_put_before_a_person(
    calm_world: World, cleo: Customer
) -> None:
    world = calm_world
    tx_id, account_id = await arrived(world, cleo, Money(25_000_000, USDC))
    while not await deposits_of(world, tx_id):
        assert await world.pass_on()
    await desk(world, "reorg", hash=tx_id, lost=True)
    await world.settle()
    await desk(world, "again", hash=tx_id, amount="26")
    await world.settle()
    (saga,) = await deposits_of(world, tx_id)
    assert order_status(saga) == "reorganised"
    assert await world.available(account_id) == "0.000001"
    case = await world.runtime.database["cases"].find_one({"ref": f"tatum:tx:{tx_id}"})
    assert case is not None
    assert (case["kind"], case["asset"], case["status"]) == ("unclaimed-coins", "USDC", "open")
    told = await world.runtime.database["inbox"].find({"refs": f"tatum:tx:{tx_id}"}).to_list()
    assert {each["status"] for each in told} == {"done"}


async def test_a_send_that_was_replaced_and_is_mined_after_all_is_owed(calm_world: World, cleo: Customer) -> None:
    world = calm_world
    account_id = await world.with_coins(cleo, Money.parse("3", ETH))
    saga_id = await world.send_coins(cleo, "1", chain="ethereum", address=EVM, account_id=account_id)
    while "tx_id" not in (await world.saga(saga_id)).results.get("deliver", {}):
        assert await world.pass_on()
    tx_id = (await world.saga(saga_id)).results["deliver"]["tx_id"]
    rival = (await desk(world, "replace", hash=tx_id))["hash"]
    await world.settle()
    saga = await world.saga(saga_id)
    assert (order_status(saga), await world.available(account_id)) == ("cancelled", "3.000000000000000000")
    await desk(world, "reorg", hash=rival, lost=True)
    await desk(world, "again", hash=tx_id)
    await world.settle()
    (recovery,) = await recoveries_of(world, saga_id)
    assert (recovery.status, recovery.params["happened"]) == ("completed", "mined-again")
    assert await world.postings(recovery.id) == ["book.left", "book.fee"]
    assert (await owed(world, saga.user_id))["ETH"] == str(10**18)
    (watch,) = await watches_of(world, recovery.id)
    assert watch.kind == "chain-send"
    await world.audit()
