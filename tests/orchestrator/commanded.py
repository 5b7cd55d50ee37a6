"""What an operator decides."""

from app.ids import new_id
from app.ledger.acts import Answerable
from app.orchestrator.commands import Command
from app.orchestrator.operators import Order
from tests.worlds import World


async def give(world: World, command: str, saga_id: str, evidence: str | None = None) -> None:
    """Give that command, and let everybody go on."""
    answerable = Answerable("usr_operator", "the customer has called", new_id("key"))
    await world.runtime.operators.give(Order(saga_id, Command(command), evidence), answerable)
    await world.settle()
