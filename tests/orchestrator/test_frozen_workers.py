"""A worker that stands still for longer than its lease lasts, and wakes up, has no effect of its own."""

import asyncio

import httpx2
import pytest

from app.orchestrator.progress import order_status
from tests.orchestrator.scenarios import SCENARIOS, Outside, require_end
from tests.wire import Held
from tests.worlds import Customer, World

SENDS = {
    "the pull": ("/unit/payments", "from bank to chain"),
    "the delivery": ("/tatum/v3/bitcoin/transaction", "from bank to chain"),
    "the push": ("/unit/payments", "withdrawal"),
    "the payment by card": ("/stripe/v1/payment_intents", "card top-up"),
    "the move to the payee": ("/stripe/v1/transfers", "card payout"),
    "the payout to the card": ("/stripe/v1/payouts", "card payout"),
}


def hold_the_send(world: World, path: str) -> Held:
    def matches(request: httpx2.Request) -> bool:
        return request.method == "POST" and request.url.path == path

    return world.wire.hold(matches)


@pytest.mark.parametrize(("path", "name"), SENDS.values(), ids=SENDS)
async def test_its_late_call_makes_nothing_twice(calm_world: World, rich_ada: Customer, path: str, name: str) -> None:
    world, scenario = calm_world, SCENARIOS[name]
    before = await Outside.of(world)
    held = hold_the_send(world, path)
    saga_id = await scenario.order(world, rich_ada, rich_ada.dollars_id)
    async with asyncio.TaskGroup() as workers:
        frozen = workers.create_task(world.settle())
        await held.arrived.wait()
        await world.take_over()
        await world.settle()
        assert order_status(await world.saga(saga_id)) == scenario.ends
        trace = await world.trace(saga_id)
        held.released.set()
        await frozen
    await world.settle()
    assert await world.trace(saga_id) == trace
    await require_end(world, scenario, saga_id, before, rich_ada)
