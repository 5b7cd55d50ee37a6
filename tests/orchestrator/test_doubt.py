"""How much money is in doubt is known at every moment: the sum over open effects is the balance of the accounts."""

from tests.worlds import Customer, World


async def test_a_lost_call_is_in_doubt_until_it_is_found_and_nothing_is_before_and_after(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    before = await world.runtime.sagas.in_doubt()
    await world.dial("unit create_payment", "timeout_after", times=2)
    sent_at = world.clock.now()
    first, second = await world.deposit(rich_ada, "12.34"), await world.deposit(rich_ada, "0.66")
    await world.work()
    (doubt,) = [each for each in await world.runtime.sagas.in_doubt() if each.provider == "unit"]
    assert (str(doubt.amount), doubt.effects) == ("13.00", 2)
    assert doubt.oldest_at >= sent_at
    stripes = world.runtime.database["accounts"].find({"role": "in_doubt.unit"})
    assert -sum([int(each["balance"].to_decimal()) async for each in stripes]) == doubt.amount.minor
    await world.settle()
    assert [(await world.saga(each)).status for each in (first, second)] == ["completed", "completed"]
    assert await world.runtime.sagas.in_doubt() == before
