"""A verdict that is taken back stops what is under way before more money leaves, and the customer is told."""

import pytest

from app.ids import new_id, public_id
from app.orchestrator.progress import order_status
from tests.orchestrator.commanded import give
from tests.orchestrator.pulls import pulling
from tests.orchestrator.scenarios import Outside
from tests.orchestrator.verdicts import decide
from tests.worlds import Customer, World


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"refund_hold_s": 2 * 86_400.0}


@pytest.fixture
async def dora(calm_world: World) -> Customer:
    """A customer whose verdict no other test takes back, with 500 dollars."""
    return await calm_world.with_new_accounts(await calm_world.customer(new_id("dora")), "500.00")


async def told(world: World, saga_id: str) -> list[str]:
    """What the customer has been told of a saga."""
    query = {"data.saga_id": public_id(saga_id)}
    return [each["type"] async for each in world.runtime.database["notifications"].find(query)]


@pytest.mark.parametrize("flow", ["withdrawal", "crypto_withdrawal", "deposit", "purchase"])
async def test_what_would_move_money_parks_before_it_does(calm_world: World, dora: Customer, flow: str) -> None:
    world = calm_world
    before = await Outside.of(world)
    order = {
        "withdrawal": world.withdraw,
        "crypto_withdrawal": world.send_coins,
        "deposit": world.deposit,
        "purchase": world.buy,
    }
    saga_id = await order[flow](dora)
    await decide(world, dora, "rejected")
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason) == ("parked", "kyc-rejected")
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=0)
    assert await told(world, saga_id) == [f"{flow}.parked"]
    await decide(world, dora, "verified")
    await give(world, "retry", saga_id)
    assert (await world.saga(saga_id)).status == "completed"
    await world.audit()


async def test_coins_that_are_paid_for_stay_here_until_a_person_decides(calm_world: World, dora: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    saga_id = await pulling(world, dora, "purchase", at="Sent")
    await decide(world, dora, "pending")
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.parked_from, saga.reason) == ("do:deliver", "kyc-pending")
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)
    await give(world, "compensate", saga_id)
    assert order_status(await world.saga(saga_id)) == "refunded"
    await world.audit()


async def test_what_was_pulled_may_go_back_without_a_verdict(calm_world: World, dora: Customer) -> None:
    world = calm_world
    await world.dial("tatum send", "decline")
    saga_id = await world.buy(dora)
    await world.until(saga=saga_id, step="convert", status="undone")
    await decide(world, dora, "rejected")
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "refunded"
    await world.audit()
