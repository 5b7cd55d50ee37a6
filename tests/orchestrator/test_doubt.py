"""How much money is in doubt is known at every moment: the sum over open effects is the balance of the accounts."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from app.orchestrator.doubt import InDoubt, sum_up
from app.orchestrator.effects import EffectStatus
from app.orchestrator.store import OPEN_EFFECTS
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, Outside, require_end
from tests.orchestrator.test_frozen_workers import FIRST
from tests.worlds import Customer, World


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return SETTINGS


async def on_the_ledger(world: World) -> Counter[tuple[str, str]]:
    """What the in-doubt accounts hold, in minor units, by provider and currency."""
    sums: Counter[tuple[str, str]] = Counter()
    async for each in world.runtime.database["accounts"].find({"role": {"$regex": "^in_doubt"}}):
        sums[each["role"].removeprefix("in_doubt."), each["currency"]] += abs(int(each["balance"].to_decimal()))
    return +sums


async def in_doubt(world: World) -> list[InDoubt]:
    """What is in doubt by the open effects, as it is measured."""
    return sum_up(await world.runtime.sagas.effects_where({"status": {"$in": OPEN_EFFECTS}}, 1_000))


async def told(world: World) -> Counter[tuple[str, str]]:
    """What the open effects say is in doubt."""
    return Counter({(each.provider, each.amount.asset.code): each.amount.minor for each in await in_doubt(world)})


@pytest.mark.parametrize("call", FIRST)
async def test_every_call_that_is_lost_is_in_doubt_on_the_ledger_for_what_it_moves(
    calm_world: World, rich_ada: Customer, call: str
) -> None:
    world, scenario = calm_world, SCENARIOS[FIRST[call][0]]
    before = await Outside.of(world)
    await scenario.set_up(world)
    await world.dial(call, "timeout_after")
    quote = await scenario.quote(world, rich_ada)
    saga_id = await scenario.order(world, rich_ada, rich_ada.dollars_id, quote)
    while not await lost(world, saga_id):
        assert await world.pass_on(), "nothing was lost"
    assert await on_the_ledger(world) == await told(world)
    await world.settle()
    await require_end(world, scenario, saga_id, before, rich_ada)
    assert await on_the_ledger(world) == Counter()


async def lost(world: World, saga_id: str) -> bool:
    effects = await world.runtime.sagas.effects_of(saga_id)
    return any(each.status is EffectStatus.UNKNOWN for each in effects)


async def test_a_lost_call_is_in_doubt_until_it_is_found_and_nothing_is_before_and_after(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    before = await in_doubt(world)
    await world.dial("unit create_payment", "timeout_after", times=2)
    sent_at = world.clock.now()
    first, second = await world.deposit(rich_ada, "12.34"), await world.deposit(rich_ada, "0.66")
    await world.work()
    (doubt,) = [each for each in await in_doubt(world) if each.provider == "unit"]
    assert (str(doubt.amount), doubt.effects) == ("13.00", 2)
    assert doubt.oldest_at >= sent_at
    stripes = world.runtime.database["accounts"].find({"role": "in_doubt.unit"})
    assert -sum([int(each["balance"].to_decimal()) async for each in stripes]) == doubt.amount.minor
    await world.settle()
    assert [(await world.saga(each)).status for each in (first, second)] == ["completed", "completed"]
    assert await in_doubt(world) == before
