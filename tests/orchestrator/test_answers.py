"""A call whose answer settles it, one whose answer says as much, and one that has to be waited for."""

from dataclasses import dataclass, field

import pytest

from app.ids import new_id, stored_id
from app.ledger.changes import Companion
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled
from tests.orchestrator.test_commands import Post, by_post
from tests.orchestrator.test_engine import started
from tests.worlds import BOOK, World

TAKEN_ON = ["accepted-request", "done record", "sending post", "accepted post"]


class Telegram(Post):
    """There is nothing to hear of: whoever has sent it may look at once."""

    def waits_for(self, effect: Effect) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        return ()


@dataclass(eq=False)
class Receipt(Telegram):
    """Its answer shows what ``look`` would."""

    shown: bool = True
    looked: list[str] = field(default_factory=list)

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        return Sent((await super().send(effect, outside)).ref, seen=self.shown)

    async def look(self, effect: Effect, outside: Outside) -> bool:
        self.looked.append(effect.ref)
        return await super().look(effect, outside)


class Outdated(Receipt):
    """What its answer shows has changed by the time that is written."""

    def judge(self, run: Run, effect: Effect, seen: bool) -> Progress:  # noqa: FBT001 - what ``look`` saw
        changed = Companion("cases", stored_id(BOOK, new_id("cas")), {"version": 7}, {"version": 8})
        return super().judge(run, effect, seen) if self.looked else Settled(Outcome(companions=(changed,)))


@pytest.mark.parametrize(("call", "claims"), [(Telegram, 1), (Post, 2)])
async def test_a_call_with_nothing_to_wait_for_is_looked_at_without_letting_go(
    calm_world: World, call: type[Post], claims: int
) -> None:
    saga_id = await started(calm_world, by_post(call()))
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.state, saga.fence) == ("completed", claims)


@pytest.mark.parametrize(
    ("call", "commits", "looks"), [(Receipt(), 3, 0), (Receipt(shown=False), 4, 1), (Outdated(), 4, 1)]
)
async def test_what_the_answer_shows_to_have_settled_is_written_with_it(
    calm_world: World, call: Receipt, commits: int, looks: int
) -> None:
    """Acceptance, the record of the send, its answer; and where the answer did not settle it, what was seen then."""
    saga_id = await started(calm_world, by_post(call))
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.state, saga.version, len(call.looked)) == ("completed", commits, looks)
    assert await calm_world.trace(saga_id) == [*TAKEN_ON, "done post", "completed"]
    assert (await calm_world.runtime.ledger.audit()).breaks == []
