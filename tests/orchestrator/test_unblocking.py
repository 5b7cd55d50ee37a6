"""A nonce that nothing is mined with holds up what comes after it, until it is filled; of one nonce one is mined."""

from collections.abc import Awaitable, Callable

import pytest

from app.money import ASSETS, Money
from app.orchestrator.journal import SagaRecord
from app.orchestrator.progress import order_status
from app.orchestrator.unblocking import PATIENCE
from tests.worlds import Customer, World

EVM = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
FUND = Money.parse("9", ASSETS["ETH"])


async def two_sends(world: World, customer: Customer) -> tuple[str, str, str]:
    """Two withdrawals, queued one behind the other, and the account they are taken from."""
    account_id = await world.with_coins(customer, FUND)
    first, second = [
        await world.send_coins(customer, "1", chain="ethereum", address=EVM, account_id=account_id) for _ in range(2)
    ]
    await world.work()
    if await nonce_of(world, first) > await nonce_of(world, second):
        first, second = second, first
    return first, second, account_id


async def nonce_of(world: World, saga_id: str) -> int:
    return int((await world.saga(saga_id)).results["deliver"]["nonce"])


async def delete_from_queue(world: World, saga_id: str) -> None:
    """Before it was approved."""
    pending_id = (await world.saga(saga_id)).results["deliver"]["pending_id"]
    answer = await world.desk.delete(f"/tatum/v3/kms/{pending_id}", headers={"x-api-key": "any"})
    assert answer.is_success, answer.text


async def drop_from_pool(world: World, saga_id: str) -> None:
    while "tx_id" not in (saga := await world.saga(saga_id)).results["deliver"]:
        assert await world.pass_on()
    answer = await world.desk.post("/control/tatum/drop", json={"hash": saga.results["deliver"]["tx_id"]})
    answer.raise_for_status()


async def go_on(world: World, rounds: int = 12) -> None:
    """The second never comes to rest while it is held up, so it is only waited for a while."""
    for _ in range(rounds):
        await world.pass_on()


async def fills(world: World) -> list[SagaRecord]:
    found = await world.runtime.sagas.sagas({"type": "nonce_fill"}, 100)
    return [saga for saga in found if saga.status != "forgotten"]


async def stand_still(world: World) -> None:
    await world.runtime.chain_news.unblocking.look()
    world.clock.advance(PATIENCE.total_seconds())
    await world.runtime.chain_news.unblocking.look()


Accident = Callable[[World, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("accident", "reason"), [(delete_from_queue, "operation-gone"), (drop_from_pool, "nonce-used")]
)
async def test_what_waits_behind_a_lost_send_is_mined_and_the_lost_one_is_given_back(
    calm_world: World, ada: Customer, accident: Accident, reason: str
) -> None:
    world, known = calm_world, len(await fills(calm_world))
    lost, behind, account_id = await two_sends(world, ada)
    await accident(world, lost)
    await go_on(world)
    assert order_status(await world.saga(behind)) == "delivering"
    await stand_still(world)
    await world.settle()
    assert order_status(await world.saga(behind)) == "completed"
    assert (order_status(await world.saga(lost)), (await world.saga(lost)).reason) == ("cancelled", reason)
    assert Money.parse(await world.available(account_id), FUND.asset) > Money.parse("7.99", FUND.asset)
    (fill, *_) = await fills(world)
    assert (len(await fills(world)) - known, fill.status) == (1, "completed")
    assert await nonce_of(world, fill.id) == await nonce_of(world, lost)
    await world.audit()
    after = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    assert order_status(await world.saga(after)) == "completed"


async def test_what_waits_for_its_signature_is_left_alone(calm_world: World, ada: Customer) -> None:
    world, known = calm_world, len(await fills(calm_world))
    await two_sends(world, ada)
    await stand_still(world)
    assert len(await fills(world)) == known
    await world.settle()


async def test_a_nonce_that_the_next_send_takes_is_not_filled(calm_world: World, ada: Customer) -> None:
    world, known = calm_world, len(await fills(calm_world))
    await world.dial("tatum send", "decline")
    account_id = await world.with_coins(ada, FUND)
    declined = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    assert order_status(await world.saga(declined)) == "cancelled"
    await stand_still(world)
    assert len(await fills(world)) == known
    following = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    assert order_status(await world.saga(following)) == "completed"
