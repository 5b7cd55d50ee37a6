"""Whatever goes wrong with a call outside, or with the news about it, the money moves once and the saga ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.ledger.changes import Change, Duplicate, Posted
from app.orchestrator.journal import events_in
from app.sandbox.faults import KINDS
from tests.orchestrator.scenarios import SCENARIOS, Outside, Scenario, require_end
from tests.worlds import Customer, World

PURCHASE = SCENARIOS["from bank to chain"]
REFUND = SCENARIOS["delivery declined, bank paid"]
CALLS = (
    "unit create_payment",
    "unit get_payment",
    "tatum send",
    "tatum estimate_fee",
    "tatum kms_get",
    "tatum get_transaction",
    "tatum current_block",
)
SENDS_GO_WRONG = ("error", "rate_limit", "timeout_before", "timeout_after", "late")
LOOKED_UP_BY = {"unit create_payment": "unit list_payments", "tatum send": "tatum kms_pending"}
NOT_TOLD = replace(PURCHASE, ends="parked", pulls=1, sends=0)
"""A vendor that will not tell how the pull stands: a person must look."""
ENDS_OTHERWISE = {
    ("unit get_payment", "decline"): NOT_TOLD,
    ("unit create_payment", "decline"): SCENARIOS["pull declined"],
    ("tatum send", "decline"): REFUND,
}


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    """Calls that give up before a vendor's Retry-After of one second is over."""
    return {"provider_timeout_s": 0.9, "quiet_period_s": 1.5, "lease_s": 3.0}


async def run(world: World, scenario: Scenario, customer: Customer, *faults: tuple[str, str, int]) -> None:
    before = await Outside.of(world)
    quote = await scenario.quote(world, customer)
    for call, fault, times in faults:
        await world.dial(call, fault, times=times)
    saga_id = await scenario.order(world, customer, customer.dollars_id, quote)
    await world.settle()
    await require_end(world, scenario, saga_id, before, customer)


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.long_when(
    lambda call, fault: call not in LOOKED_UP_BY and fault in {"timeout_after", "late", "slow"}, "call", "fault"
)
async def test_one_fault_in_one_call(calm_world: World, rich_ada: Customer, call: str, fault: str) -> None:
    await run(calm_world, ENDS_OTHERWISE.get((call, fault), PURCHASE), rich_ada, (call, fault, 1))


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize("lost", ["timeout_before", "timeout_after", "late"])
@pytest.mark.parametrize("call", LOOKED_UP_BY)
@pytest.mark.long_when(lambda lost, fault: lost == "late" or fault not in {"error", "timeout_after"}, "lost", "fault")
async def test_a_fault_while_looking_for_what_became_of_a_lost_call(
    calm_world: World, rich_ada: Customer, call: str, lost: str, fault: str
) -> None:
    not_told = replace(NOT_TOLD, pulls=lost != "timeout_before")
    ends = not_told if (call, fault) == ("unit create_payment", "decline") else PURCHASE
    await run(calm_world, ends, rich_ada, (call, lost, 1), (LOOKED_UP_BY[call], fault, 1))


@pytest.mark.parametrize("fault", SENDS_GO_WRONG)
@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.long_when(lambda times: times > 2, "times")
async def test_several_sends_that_all_go_wrong_deliver_once(
    calm_world: World, rich_ada: Customer, fault: str, times: int
) -> None:
    await run(calm_world, PURCHASE, rich_ada, ("tatum send", fault, times))


@pytest.mark.parametrize("fault", SENDS_GO_WRONG)
async def test_a_fault_in_the_refund_refunds_once(calm_world: World, rich_ada: Customer, fault: str) -> None:
    the_pull = ("unit create_payment", "slow", 1)
    await run(calm_world, REFUND, rich_ada, ("tatum send", "decline", 1), the_pull, ("unit create_payment", fault, 2))


@pytest.mark.parametrize("fault", SENDS_GO_WRONG)
async def test_a_fault_in_a_push_pushes_once(calm_world: World, rich_ada: Customer, fault: str) -> None:
    await run(calm_world, SCENARIOS["withdrawal"], rich_ada, ("unit create_payment", fault, 2))


class SlowDoor:
    """Recording a call takes longer than the call may, so it is not begun; after so many times it does not any more."""

    def __init__(self, world: World, times: int) -> None:
        self._world = world
        self._door = world.runtime.door
        self.left = times

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        verdict = await self._door.submit(change, deadline_s=deadline_s)
        if self.left and any(event["type"] == "sending" for event in events_in(change.companions)):
            self.left -= 1
            self._world.clock.advance(self._world.settings.provider_timeout_s)
            await self._world.expire_leases()
        return verdict


async def test_a_machine_too_slow_to_begin_its_calls_gives_up_nothing(calm_world: World, rich_ada: Customer) -> None:
    door = SlowDoor(calm_world, times=12)
    calm_world.work_through(door)
    await run(calm_world, SCENARIOS["deposit"], rich_ada)
    assert door.left == 0


async def test_a_request_that_was_changed_since_it_was_recorded_is_not_sent_again(
    calm_world: World, rich_ada: Customer
) -> None:
    world, before = calm_world, await Outside.of(calm_world)
    await world.dial("unit create_payment", "timeout_before")
    saga_id = await world.deposit(rich_ada)
    await world.work()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    await world.runtime.database["effects"].update_one({"_id": effect.id}, {"$set": {"request.amount": "900.00"}})
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason) == ("parked", "request-altered")
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=0)
    await world.audit()


async def test_a_vendor_that_is_never_there_is_given_up_and_everything_undone(
    calm_world: World, rich_ada: Customer
) -> None:
    await run(calm_world, SCENARIOS["pull declined"], rich_ada, ("unit create_payment", "rate_limit", 1_000))


@pytest.mark.parametrize("call", LOOKED_UP_BY)
async def test_an_outage_of_an_hour_puts_off_and_unwinds_nothing(
    calm_world: World, rich_ada: Customer, call: str
) -> None:
    world, before = calm_world, await Outside.of(calm_world)
    await world.dial(call, "rate_limit", times=1_000)
    saga_id = await world.buy(rich_ada)
    back_at = world.clock.now() + timedelta(hours=1)
    while world.clock.now() < back_at:
        assert await world.pass_on(), "it was given up"
    await world.calm_down()
    await world.settle()
    await require_end(world, PURCHASE, saga_id, before, rich_ada)


async def test_a_vendor_that_never_answers_and_never_acts_is_given_up_and_everything_undone(
    calm_world: World, rich_ada: Customer
) -> None:
    await run(calm_world, REFUND, rich_ada, ("tatum send", "timeout_before", 1_000))


async def test_a_refund_that_never_gets_through_waits_for_a_person(calm_world: World, rich_ada: Customer) -> None:
    scenario = SCENARIOS["refund rejected at birth"]
    the_pull = ("unit create_payment", "slow", 1)
    await run(
        calm_world,
        scenario,
        rich_ada,
        ("tatum send", "decline", 1),
        the_pull,
        ("unit create_payment", "rate_limit", 1_000),
    )
