"""A call whose answer settles it, and one that has to be waited for."""

import pytest

from app.orchestrator.effects import Effect
from tests.orchestrator.test_commands import Post, by_post
from tests.orchestrator.test_engine import started
from tests.worlds import World


class Telegram(Post):
    """There is nothing to hear of: whoever has sent it may look at once."""

    def waits_for(self, effect: Effect) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        return ()


@pytest.mark.parametrize(("call", "claims"), [(Telegram, 1), (Post, 2)])
async def test_a_call_with_nothing_to_wait_for_is_looked_at_without_letting_go(
    calm_world: World, call: type[Post], claims: int
) -> None:
    saga_id = await started(calm_world, by_post(call()))
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.state, saga.fence) == ("completed", claims)
