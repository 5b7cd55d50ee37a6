"""Nonces of the treasury that tests have filled."""

from app.orchestrator.flows.nonce_fill import NONCE_FILL, NonceFill
from app.orchestrator.starting import Asked, Flows
from tests.worlds import BOOK, World


async def fill_next_nonce(world: World, key: str) -> str:
    """Have the nonce filled that the chain wants next; its saga's stored id, the same for the same key."""
    runtime, chain = world.runtime, "polygon"
    coins = runtime.providers.coins

    async def prepare(_saga_id: str) -> NonceFill:
        nonce = await coins.next_nonce(chain)
        return NonceFill(chain=chain, address=coins.treasury(chain), nonce=nonce, gas_percent=100)

    flows = Flows(runtime.sagas, runtime.engine._door, world.clock, runtime.hints.give)
    return (await flows.start(NONCE_FILL, Asked(BOOK, "", key, {"key": key}), prepare)).id
