"""An event names a send's transaction: where to look. What counts is what the chain shows there."""

from app.orchestrator.effects import Effect
from app.orchestrator.flows.chain import Send, Sighting
from app.orchestrator.flows.purchase import PURCHASE
from app.providers.events import WebhookEvent
from tests.worlds import Customer, World


async def delivered(world: World, customer: Customer) -> Effect:
    """A send that is over."""
    saga_id = await world.buy(customer, paying="account")
    await world.settle()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    return effect


async def look(world: World, effect: Effect) -> Sighting:
    deliver = PURCHASE.step("deliver").do
    assert isinstance(deliver, Send)
    return await deliver.look(effect, world.outside())


async def questions(world: World) -> int:
    """How often the queue was asked what became of one operation."""
    asked = await world.desk.get("/control/tatum/calls", params={"operation": "kms_get"})
    return len(asked.json()["items"])


async def test_of_a_send_whose_transaction_is_named_and_mined_the_queue_is_not_asked(
    calm_world: World, rich_ada: Customer
) -> None:
    effect = await delivered(calm_world, rich_ada)
    before = await questions(calm_world)
    seen = await look(calm_world, effect)
    assert seen.pending is not None
    assert seen.transaction is not None
    assert (seen.transaction.status, seen.pending.tx_id) == ("mined", seen.transaction.tx_id)
    assert await questions(calm_world) == before


async def test_a_named_transaction_that_does_something_else_is_not_taken_for_the_send(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    effect, other = await delivered(world, rich_ada), await delivered(world, rich_ada)
    ours, theirs = await look(world, effect), await look(world, other)
    assert ours.transaction is not None
    assert theirs.transaction is not None
    operation = f"tatum:kms:{effect.approved_ref}"
    await world.runtime.database["inbox"].delete_many({"refs": operation})
    refs = (operation, f"tatum:tx:{theirs.transaction.tx_id}")
    await world.runtime.inbox.receive([WebhookEvent("tatum", "lie", "KMS_COMPLETED_TX", refs, {})])
    before = await questions(world)
    again = await look(world, effect)
    assert again.transaction == ours.transaction
    assert await questions(world) == before + 1
