"""Sagas on the command line: what one shows of itself, and moving it."""

import pytest

from app.ids import public_id
from app.orchestrator.commands import Command
from app.orchestrator.operators import Order
from app.stack.problem import GaveUp, Problem
from app.stack.sagas import commanded, drawn, listed, told, traced
from tests.orchestrator.scenarios import SCENARIOS
from tests.world_fixtures import ada, busy_world, calm_world, rich_ada, sandbox_book, timings
from tests.worlds import BOOK, Customer, World

__all__ = ["ada", "busy_world", "calm_world", "rich_ada", "sandbox_book", "timings"]


async def run(world: World, customer: Customer, name: str) -> str:
    """A saga of that scenario, as far as it goes by itself; its stored id."""
    scenario = SCENARIOS[name]
    await scenario.set_up(world)
    quote = await scenario.quote(world, customer)
    saga_id = await scenario.order(world, customer, customer.dollars_id, quote)
    await world.settle()
    return saga_id


def words(line: str) -> list[str]:
    return line.split()[:2]


async def test_a_refund_that_was_refused_is_shown_with_its_calls_and_given_up(
    calm_world: World, rich_ada: Customer
) -> None:
    saga_id = await run(calm_world, rich_ada, "refund rejected at birth")
    public, settings = public_id(saga_id), calm_world.settings
    assert any(line.startswith(public) for line in await listed(settings, status="parked", kind="purchase"))
    assert not any(line.startswith(public) for line in await listed(settings, status="completed"))
    lines = await traced(settings, BOOK, public)
    assert lines[0].startswith(f"{public}  purchase  parked at collect  ")
    assert [words(line) for line in lines[1:]] == [
        ["done", "record"],
        ["parked", "collect"],
        *[["unit", "create_payment"]] * 4,
        ["undone", "convert"],
        ["skipped", "credit"],
        ["failed", "deliver"],
        ["tatum", "send"],
        ["fits", "now"],
    ]
    assert lines[-1].endswith("write-off")
    collected, *refunds = (line for line in lines if words(line) == ["unit", "create_payment"])
    assert (collected.endswith("Z"), all(each.endswith("Z, to undo it") for each in refunds)) == (True, True)
    with pytest.raises(GaveUp, match=r"What fits now: retry, write-off\. \(unwind-impossible\)"):
        await commanded(settings, Order(saga_id, Command.COMPENSATE), "take it back", "")
    careful, give_up = settings.model_copy(update={"four_eyes_above": "1.00"}), Order(saga_id, Command.WRITE_OFF)
    assert (await commanded(careful, give_up, "she keeps them here", "first"))[-1].startswith("proposed    another")
    with pytest.raises(GaveUp, match="second-operator-needed"):
        await commanded(careful, give_up, "she keeps them here", "again")
    after = await commanded(settings, give_up, "she keeps them here", "once")
    assert f"{public}  purchase  cancelled" in after[0]
    assert (await calm_world.audit()).breaks == []
    assert await calm_world.available(await calm_world.passing_account(rich_ada)) != "0.00"
    history = await told(settings, BOOK, public)
    assert "By cli:" in history[-3]
    assert history[-3].endswith("she keeps them here")
    assert history[-1].startswith("Purchase: cancelled after ")
    assert history[-1].endswith("with 5 calls outside and 14 postings.")


async def test_what_is_not_there_is_told_in_a_sentence(calm_world: World) -> None:
    for attempt in (
        traced(calm_world.settings, BOOK, "sag_none"),
        told(calm_world.settings, BOOK, "sag_none"),
        commanded(calm_world.settings, Order(f"{BOOK}/sag_none", Command.RETRY), "try", ""),
    ):
        with pytest.raises(Problem, match="There is no saga sag_none in the book default"):
            await attempt


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 501])
async def test_what_the_trail_keeps_for_good_says_something(calm_world: World, text: str) -> None:
    saga_id = f"{BOOK}/sag_none"
    for order, reason in ((Order(saga_id, Command.RETRY), text), (Order(saga_id, Command.CONFIRM, text), "seen")):
        with pytest.raises(Problem, match="in one line, and not blank"):
            await commanded(calm_world.settings, order, reason, "")


@pytest.mark.parametrize("asked", [{"status": "stuck"}, {"kind": "purchases"}])
async def test_a_status_or_flow_that_there_is_not_is_refused(calm_world: World, asked: dict[str, str]) -> None:
    with pytest.raises(Problem, match="choose one of"):
        await listed(calm_world.settings, **asked)


async def test_sagas_are_listed_with_the_book_that_their_commands_need(calm_world: World, rich_ada: Customer) -> None:
    public = public_id(await run(calm_world, rich_ada, "deposit"))
    sagas = calm_world.runtime.database["sagas"]
    stored = await sagas.find_one({"_id": f"{BOOK}/{public}"})
    assert stored is not None
    await sagas.insert_one({**stored, "_id": f"acme/{public}", "book": "acme"})
    (line,) = await listed(calm_world.settings, book="acme")
    assert line.startswith(f"{public}  deposit  completed")
    assert line.endswith("  --book acme")
    assert not any("--book" in line for line in await listed(calm_world.settings, book=BOOK))
    await sagas.delete_one({"_id": f"acme/{public}"})


def test_a_flow_is_drawn_and_an_unknown_one_refused() -> None:
    newest, first = drawn("purchase"), drawn("purchase", 1)
    assert newest.startswith("%% purchase, version 2 of 2\nstateDiagram-v2")
    assert ("do_screen" in newest, "do_screen" in first) == (True, False)
    for flow, version in (("nonsense", 0), ("purchase", 9)):
        with pytest.raises(Problem, match="choose one of"):
            drawn(flow, version)
