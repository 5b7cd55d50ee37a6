"""What happens after the end, and who comes to look after it."""

from app.orchestrator.journal import SagaRecord, saga_from
from app.orchestrator.watch_store import WatchStore
from app.orchestrator.watches import WatchRecord
from tests.worlds import Customer, World

UNAUTHORISED = "ConsumerPaymentUnauthorized"


async def watches_of(world: World, saga_id: str, kind: str = "") -> list[WatchRecord]:
    """The saga's watches, of one kind or of all."""
    found = await WatchStore(world.runtime.database).watches_of(saga_id)
    return [watch for watch in found if not kind or watch.kind == kind]


async def recoveries_of(world: World, saga_id: str) -> list[SagaRecord]:
    """The recoveries that concern that saga."""
    query = {"type": "recovery", "params.saga_id": saga_id}
    return [saga_from(document) async for document in world.runtime.database["sagas"].find(query)]


async def recovery_of(world: World, saga_id: str) -> str:
    """The stored id of the one recovery that concerns that saga."""
    (recovery,) = await recoveries_of(world, saga_id)
    return recovery.id


async def give_back(world: World, payment_id: str, reason: str = UNAUTHORISED) -> None:
    """The customer's bank returns a payment."""
    body = {"payment_id": payment_id, "reason": reason}
    (await world.desk.post("/control/unit/return", json=body)).raise_for_status()


async def returned_deposit(world: World, customer: Customer, amount: str, *, key: str) -> str:
    """A deposit, complete, whose pull is then returned; the deposit's stored id."""
    saga_id = await world.deposit(customer, amount, key=key)
    await world.settle()
    (watch,) = await watches_of(world, saga_id)
    payment = next(each for each in await world.bank_payments() if each["id"] == watch.object_id)
    if payment["status"] == "Sent":
        await give_back(world, watch.object_id)
    await world.settle()
    return saga_id


async def case_of(world: World, recovery_id: str) -> dict[str, object] | None:
    """The case that opened with a recovery."""
    found: dict[str, object] | None = await world.runtime.database["cases"].find_one({"saga_id": recovery_id})
    return found


async def owed(world: World, user_id: str) -> dict[str, str]:
    """What that customer owes, by currency."""
    accounts = world.runtime.database["accounts"].find({"role": "receivable", "user_id": user_id})
    return {each["currency"]: str(-each["balance"].to_decimal()) async for each in accounts}
