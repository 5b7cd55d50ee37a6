"""A return may come at any moment: before every commit, and on every day of the window. The money is in one place.

That is: money, or coins, or coins plus a receivable.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.ids import new_id
from app.ledger.accounts import AccountStatus
from app.ledger.changes import Change, Door, Duplicate, Posted
from app.money import USD, Money
from app.orchestrator.flows import FLOWS
from app.orchestrator.flows.ach import RETURN_WINDOW, Pull
from app.orchestrator.journal import events_in
from app.orchestrator.watches import WatchStatus
from tests.orchestrator.late import give_back, recoveries_of, watches_of
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, Outside, Scenario
from tests.worlds import Customer, World

REST_S = 2 * 86_400.0
NOTHING = Money(0, USD)
_COMMITS_MAX = 60
_PATIENCE_S = 61.0
_SHORT = "delivery declined, bank paid"
PULLING = ("from bank to chain", "from bank to account", _SHORT, "deposit", "from bank to chain, checked")


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return {**SETTINGS, "refund_hold_s": REST_S}


def test_every_definition_that_pulls_is_returned_to() -> None:
    pulling = {key for key, flow in FLOWS.items() if any(isinstance(step.do, Pull) for step in flow.steps)}
    assert {(SCENARIOS[name].flow, SCENARIOS[name].version) for name in PULLING} == pulling


class ReturningDoor:
    """Before one of the commits, or as soon after as the bank lets it be, the customer's pull is returned."""

    def __init__(self, world: World, door: Door, at: int) -> None:
        self._world = world
        self._door = door
        self._at = at
        self._pulls = 0
        self.commits = 0
        self.returned = False

    async def begin(self) -> None:
        """From here on a pull is this customer's."""
        self._pulls = len(await pulls(self._world))

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        self.commits += 1
        if self.commits >= self._at and not self.returned:
            mine = (await pulls(self._world))[self._pulls :]
            if mine and mine[0]["status"] in {"Clearing", "Sent"}:
                self.returned = True
                await give_back(self._world, mine[0]["id"])
        return await self._door.submit(change, deadline_s=deadline_s)


async def pulls(world: World) -> list[dict[str, str]]:
    """Every pull that the bank knows."""
    return [each for each in await world.bank_payments() if each["direction"] == "Debit"]


async def require_one_place(world: World, customer: Customer, before: int, *, spent: Money = NOTHING) -> None:
    """What the customer has here, less what they owe, is what the bank has of theirs, less what became coins."""
    query = {"user_id": customer.user_id, "currency": "USD"}
    accounts = world.runtime.database["accounts"].find(query)
    balances = {each["_id"]: int(each["balance"].to_decimal()) async for each in accounts}
    payments = (await world.bank_payments())[before:]
    there = sum(
        int(each["amount"]) * (1 if each["direction"] == "Debit" else -1)
        for each in payments
        if each["status"] in {"Pending", "Clearing", "Sent"}
    )
    assert sum(balances.values()) == there - spent.minor, (balances, payments, spent)
    await world.audit()


@pytest.mark.parametrize("name", PULLING)
@pytest.mark.long_when(lambda name: name != _SHORT, "name")
async def test_a_return_before_any_commit_leaves_money_or_coins_or_coins_plus_a_receivable(
    calm_world: World, name: str
) -> None:
    for at in range(1, _COMMITS_MAX):
        customer = await calm_world.customer(new_id("walker"))
        if not await _came_in_time(calm_world, SCENARIOS[name], customer, at):
            assert at > 5, "there was nothing to return"
            return
    raise AssertionError("a run without an end")


async def _came_in_time(world: World, scenario: Scenario, customer: Customer, at: int) -> bool:
    """Whether the return came before the run was over."""
    await scenario.set_up(world)
    quote = await scenario.quote(world, customer)
    before = len(await world.bank_payments())
    door = ReturningDoor(world, world.runtime.door, at)
    await door.begin()
    world.work_through(door)
    saga_id = await scenario.order(world, customer, new_id("key"), quote)
    await world.settle()
    in_time = door.returned
    world.work_through(world.runtime.door)
    for _ in range(3):
        world.clock.advance(_PATIENCE_S)
        await world.settle()
    saga = await world.saga(saga_id)
    assert saga.status in {"completed", "compensated"}, saga.reason
    bought = scenario.flow == "purchase" and saga.status == "completed"
    await require_one_place(world, customer, before, spent=Money.parse(scenario.amount, USD) if bought else NOTHING)
    return in_time


class LateDoor:
    """The pull is returned when the send of the coins has just been recorded, or recorded to be sent again."""

    def __init__(self, world: World, door: Door, *, attempt: int) -> None:
        self._world = world
        self._door = door
        self._attempt = attempt

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        verdict = await self._door.submit(change, deadline_s=deadline_s)
        sends = [event for event in events_in(change.companions) if event["type"] == "sending"]
        if any(each["step"] == "deliver" and each["facts"]["attempt"] == self._attempt for each in sends):
            await give_back(self._world, (await pulls(self._world))[-1]["id"])
        return verdict


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_return_in_the_last_moment_stops_the_coins(calm_world: World, attempt: int) -> None:
    world = calm_world
    customer = await world.customer(new_id("walker"))
    before, coins, payments = await Outside.of(world), await world.inventory(), len(await world.bank_payments())
    if attempt == 2:
        await world.dial("tatum send", "rate_limit")
    world.work_through(LateDoor(world, world.runtime.door, attempt=attempt))
    saga_id = await world.buy(customer)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason) == ("compensated", "pull-returned")
    assert (await Outside.of(world)).since(before) == Outside(pulls=1, refunds=0, sends=0)
    assert await world.inventory() == coins
    await require_one_place(world, customer, payments)


class OvertakingDoor:
    """A worker has seen that the pull was sent. Before it can write so, the pull is returned, and we are told of it."""

    def __init__(self, world: World, door: Door) -> None:
        self._world = world
        self._door = door
        self.told = 0

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        if not self.told and any(each.kind == "collect.settled" for each in change.transactions):
            await give_back(self._world, (await pulls(self._world))[-1]["id"])
            await self._world.third_parties_act(until=self._world.clock.now() + timedelta(seconds=10))
            self.told = await self._world.runtime.observations.work_off()
        return await self._door.submit(change, deadline_s=deadline_s)


async def test_a_return_that_is_told_before_its_pull_is_booked_is_not_lost(calm_world: World) -> None:
    world = calm_world
    customer = await world.customer(new_id("walker"))
    before = len(await world.bank_payments())
    door = OvertakingDoor(world, world.runtime.door)
    saga_id = await world.deposit(customer, "100.00")
    world.work_through(door)
    await world.settle()
    assert door.told
    world.clock.advance(_PATIENCE_S)
    await world.settle()
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    await require_one_place(world, customer, before)


async def test_returns_on_every_day_of_the_window_over_a_hundred_and_twenty_days(calm_world: World) -> None:
    """A deposit a day for sixty days: the first is returned a day after it, the last sixty days after it."""
    world, day_s = calm_world, 86_400.0
    customer = await world.customer(new_id("walker"))
    before, due = len(await world.bank_payments()), dict[int, str]()
    for today in range(120):
        if today < 60:
            due[today + today + 1] = await world.deposit(customer, "100.00")
            await world.settle()
        if today in due:
            (watch,) = await watches_of(world, due[today])
            await give_back(world, watch.object_id)
            await world.settle()
            assert [each.status for each in await recoveries_of(world, due[today])] == ["completed"]
            await world.set_status(customer.dollars_id, AccountStatus.OPEN)
        world.clock.advance(day_s)
    await world.settle()
    await require_one_place(world, customer, before)
    assert await world.available(customer.dollars_id) == "0.00"


async def test_a_watch_ends_with_its_window_and_a_return_after_it_is_booked_all_the_same(calm_world: World) -> None:
    world = calm_world
    customer = await world.customer(new_id("walker"))
    before = len(await world.bank_payments())
    saga_id = await world.deposit(customer, "100.00")
    await world.settle()
    for _ in range(70):
        world.clock.advance(86_400)
        await world.runtime.lookout.sweep()
    (watch,) = await watches_of(world, saga_id)
    assert (watch.status, watch.look_at) == (WatchStatus.EXPIRED, None)
    assert world.clock.now() > watch.created_at + RETURN_WINDOW
    await give_back(world, watch.object_id)
    await world.settle()
    assert [each.status for each in await recoveries_of(world, saga_id)] == ["completed"]
    await require_one_place(world, customer, before)
