"""The engine on sagas of a few lines: forwards, backwards, stuck, spoilt, unknown, and shared by several workers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from pydantic import BaseModel

from app.ids import new_id
from app.ledger.accounts import Account, AccountStatus, customer_account
from app.ledger.transactions import credit, debit
from app.money import USD, Money
from app.orchestrator.engine import Claim
from app.orchestrator.flows.chart import bank
from app.orchestrator.journal import SagaRecord
from app.orchestrator.saga import Inner, Outcome, Run, Saga, Step
from app.orchestrator.starting import Asked, Flows
from tests.ledger.given import until
from tests.worlds import BOOK, World


class Nothing(BaseModel):
    """No parameters."""


def note(run: Run) -> Outcome:
    return Outcome(result={"undoing": run.undoing})


EMPTY = customer_account(f"{BOOK}/acc_toy-empty", USD, "usr_toy")
FROZEN = replace(customer_account(f"{BOOK}/acc_toy-frozen", USD, "usr_toy"), status=AccountStatus.FROZEN)


def take_from(account: Account, run: Run) -> Outcome:
    dollar = Money(1_00, USD)
    name = "undo" if run.undoing else "do"
    return Outcome((run.transaction(name, debit(account, dollar), credit(bank(BOOK, USD), dollar)),))


refuse: Inner = partial(take_from, EMPTY)
find_it_frozen: Inner = partial(take_from, FROZEN)


def break_down(_run: Run) -> Outcome:
    raise RuntimeError("nobody expected this")


def step(name: str, do: Inner, undo: Inner | None = None) -> Step:
    return Step(name, told=lambda _params: f"{name} is done", do=do, undo=undo)


def toy(*steps: Step, name: str = "toy") -> Saga:
    return Saga(name, version=1, params=Nothing, steps=(step("record", note, note), *steps))


async def started(world: World, flow: Saga, flows: Mapping[tuple[str, int], Saga] | None = None) -> str:
    """A saga of that flow, for workers that know ``flows`` (unless told otherwise: this one)."""
    world.work_through(world.runtime.door, {("toy", 1): flow} if flows is None else flows)
    sagas = Flows(world.runtime.sagas, world.runtime.door, world.clock, world.runtime.hints.give)

    async def prepare(_saga_id: str) -> Nothing:
        return Nothing()

    return (await sagas.start(flow, Asked(BOOK, "usr_toy", new_id("key"), {}), prepare)).id


async def run(world: World, flow: Saga) -> SagaRecord:
    saga_id = await started(world, flow)
    await world.settle()
    return await world.saga(saga_id)


async def test_steps_run_in_their_order(calm_world: World) -> None:
    saga = await run(calm_world, toy(step("a", note), step("b", note)))
    assert saga.status == "completed"
    assert await calm_world.trace(saga.id) == ["accepted-request", "done record", "done a", "done b", "completed"]


async def test_what_was_done_is_undone_in_the_reverse_order(calm_world: World) -> None:
    saga = await run(calm_world, toy(step("a", note, note), step("b", note), step("c", note, note), step("d", refuse)))
    assert (saga.status, saga.reason) == ("compensated", "insufficient-funds")
    trace = await calm_world.trace(saga.id)
    assert trace[-5:] == ["failed d", "undone c", "undone a", "undone record", "compensated"]


async def test_a_frozen_account_is_no_reason_to_unwind(calm_world: World) -> None:
    saga = await run(calm_world, toy(step("a", note, note), step("b", find_it_frozen)))
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "account-frozen", "do:b")


async def test_an_undo_that_is_refused_waits_for_a_person(calm_world: World) -> None:
    saga = await run(calm_world, toy(step("a", note, refuse), step("b", refuse)))
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "insufficient-funds", "undo:a")


async def test_a_saga_that_breaks_its_worker_is_tried_again_ever_later_and_parked_in_the_end(
    calm_world: World,
) -> None:
    calm_world.surprises_welcome = True
    saga_id = await started(calm_world, toy(step("a", break_down)))
    moments = []
    for tries in range(1, 11):
        moments.append(calm_world.clock.now())
        assert await calm_world.runtime.engine.claim_and_drive()
        assert (await calm_world.saga(saga_id)).errors == tries
        assert not await calm_world.runtime.engine.claim_and_drive()
        calm_world.clock.advance(2.0**tries)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    assert pauses == sorted(pauses)
    saga = await calm_world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "internal-error", "do:a")
    assert (await calm_world.trace(saga_id))[-1] == "parked"


async def test_a_saga_that_breaks_its_worker_holds_up_no_other(calm_world: World) -> None:
    calm_world.surprises_welcome = True
    spoilt, sound = toy(step("a", break_down)), toy(step("a", note), name="sound")
    both = {("toy", 1): spoilt, ("sound", 1): sound}
    broken = await started(calm_world, spoilt, both)
    others = [await started(calm_world, sound, both) for _ in range(3)]
    await calm_world.work()
    assert {(await calm_world.saga(each)).status for each in others} == {"completed"}
    assert (await calm_world.saga(broken)).status == "running"


async def test_a_definition_that_no_process_has_is_parked_in_the_end(calm_world: World) -> None:
    calm_world.surprises_welcome = True
    saga_id = await started(calm_world, toy(step("a", note)), flows={})
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "definition-unknown", "do:a")


async def test_a_worker_of_an_earlier_release_leaves_a_saga_to_those_of_the_next(calm_world: World) -> None:
    """For as long as both are at work, whichever comes first."""
    calm_world.surprises_welcome = True
    flow = toy(step("a", note))
    saga_id = await started(calm_world, flow, flows={})
    assert await calm_world.runtime.engine.claim_and_drive()
    assert not await calm_world.runtime.engine.claim_and_drive()
    calm_world.work_through(calm_world.runtime.door, {("toy", 1): flow})
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.status, saga.errors) == ("completed", 0)


async def test_a_saga_is_pinned_to_the_version_it_began_with(calm_world: World) -> None:
    old, new = toy(step("a", note)), Saga("toy", 2, Nothing, (step("record", note), step("other", note)))
    saga_id = await started(calm_world, old, flows={("toy", 1): old, ("toy", 2): new})
    await calm_world.settle()
    assert "done a" in await calm_world.trace(saga_id)


async def test_of_many_workers_one_gets_a_saga(calm_world: World) -> None:
    flow = toy(step("a", note))
    saga_id = await started(calm_world, flow)
    workers = [calm_world.engine(calm_world.runtime.door, {("toy", 1): flow}) for _ in range(8)]
    assert sum(await asyncio.gather(*(worker.claim_and_drive() for worker in workers))) == 1
    saga = await calm_world.saga(saga_id)
    assert (saga.status, saga.fence) == ("completed", 1)


async def test_a_lease_is_lengthened_while_it_is_ones_own_and_not_afterwards(calm_world: World) -> None:
    saga_id = await started(calm_world, toy(step("a", note)))
    store, loop = calm_world.runtime.sagas, asyncio.get_running_loop()
    held = (await store.claim(calm_world.clock.now(), 5.0, 1))[0]
    assert await Claim(store, held, 5.0, loop.time()).covers(4.0)
    nearly_over = Claim(store, held, 5.0, loop.time() - 4.9)
    assert await nearly_over.covers(4.0)
    assert not await nearly_over.covers(5.1)
    assert await store.claim(calm_world.clock.now(), 5.0, 1) == []
    await calm_world.expire_leases()
    assert len(await store.claim(calm_world.clock.now(), 5.0, 1)) == 1
    assert not await Claim(store, held, 5.0, loop.time() - 4.9).covers(4.0)
    assert (await calm_world.saga(saga_id)).fence == 2


async def test_a_worker_whose_saga_was_taken_over_writes_nothing(calm_world: World) -> None:
    flow = toy(step("a", note), step("b", note))
    saga_id = await started(calm_world, flow)
    engine = calm_world.engine(calm_world.runtime.door, {("toy", 1): flow})
    late = (await engine._claim(1))[0]
    await calm_world.expire_leases()
    await calm_world.settle()
    trace = await calm_world.trace(saga_id)
    await engine.drive(*late)
    assert await calm_world.trace(saga_id) == trace
    assert (await calm_world.saga(saga_id)).status == "completed"


async def test_the_loop_drives_what_is_due_and_ends_when_it_is_closed(calm_world: World) -> None:
    flow = toy(step("a", note))
    engine = calm_world.engine(calm_world.runtime.door, {("toy", 1): flow})
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        sagas = [await started(calm_world, flow) for _ in range(5)]
        engine.hint()

        async def all_completed() -> bool:
            return all([(await calm_world.saga(each)).status == "completed" for each in sagas])

        await until(all_completed)
        engine.close()


async def test_a_first_step_that_goes_outside_is_refused_where_it_is_defined(calm_world: World) -> None:
    outside = Saga("toy", 1, Nothing, (step("record", note),))
    broken = Saga("toy", 1, Nothing, (Step("record", told=str, do=object()),))  # type: ignore[arg-type]  # stands for a call
    assert await started(calm_world, outside)
    with pytest.raises(TypeError, match="first step"):
        await started(calm_world, broken)
