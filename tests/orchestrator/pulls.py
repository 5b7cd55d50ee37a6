"""Orders whose pull has got so far."""

from datetime import timedelta

from tests.worlds import Customer, World


async def pulling(world: World, customer: Customer, flow: str, amount: str = "100.00", *, at: str = "Pending") -> str:
    """A purchase or deposit whose pull the bank has taken so far, unheard; its saga's stored id."""
    saga_id = await (world.buy if flow == "purchase" else world.deposit)(customer, amount)
    await world.until(saga=saga_id, step="collect", status="waiting")
    for _ in range(20):
        if (await payment_of(world, saga_id))["status"] == at:
            return saga_id
        await world.third_parties_act(until=world.clock.now() + timedelta(milliseconds=100))
        world.clock.advance(0.1)
    raise AssertionError(f"the payment will never be {at}")


async def payment_of(world: World, saga_id: str) -> dict[str, str]:
    """The bank's payment behind a saga's pull."""
    payment_id = (await world.saga(saga_id)).results["collect"]["payment_id"]
    return next(each for each in await world.bank_payments() if each["id"] == payment_id)
