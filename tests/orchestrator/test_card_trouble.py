"""Whatever goes wrong with a call to the card processor, or with its news, money moves once and the saga ends."""

from dataclasses import replace

import pytest

from tests.orchestrator.scenarios import SCENARIOS, Outside, Scenario, require_end
from tests.worlds import Customer, World

TOPUP, UNPAID = SCENARIOS["card top-up"], SCENARIOS["card top-up that nobody pays"]
PAYOUT, FAILED_PAYOUT = SCENARIOS["card payout"], SCENARIOS["card payout that fails"]
LOST = ("rate_limit", "timeout_before", "timeout_after", "late", "slow")
CANCELLED = replace(PAYOUT, ends="cancelled", cards=(0, 0), dollars="500.00")

CALLS = {
    "create_payment_intent": TOPUP,
    "get_payment_intent": TOPUP,
    "cancel_payment_intent": UNPAID,
    "create_account": PAYOUT,
    "get_account": PAYOUT,
    "create_external_account": PAYOUT,
    "get_external_account": PAYOUT,
    "create_transfer": PAYOUT,
    "get_transfer": PAYOUT,
    "create_payout": PAYOUT,
    "get_payout": PAYOUT,
    "create_transfer_reversal": FAILED_PAYOUT,
}
KEPT_500 = {
    "create_payment_intent": replace(TOPUP, ends="cancelled", cards=(0, 0), dollars="500.00"),
    "create_account": CANCELLED,
    "create_transfer": CANCELLED,
    "create_payout": CANCELLED,
    "create_transfer_reversal": FAILED_PAYOUT,
}
"""The vendor keeps a 500 under its key, so what it answered so is given up; an undo is begun anew under another key."""


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    """Calls that give up before a vendor's Retry-After of one second is over."""
    return {"provider_timeout_s": 0.9, "quiet_period_s": 1.5, "lease_s": 3.0}


async def run(world: World, scenario: Scenario, customer: Customer, *faults: tuple[str, str, int]) -> None:
    before = await Outside.of(world)
    await scenario.set_up(world)
    for operation, fault, times in faults:
        await world.dial(f"stripe {operation}", fault, times=times)
    saga_id = await scenario.order(world, customer, customer.dollars_id)
    await world.settle()
    await require_end(world, scenario, saga_id, before, customer)


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.long_when(
    lambda operation, fault: fault in {"rate_limit", "slow"} or operation.startswith("get"), "operation", "fault"
)
async def test_one_fault_in_one_call(calm_world: World, rich_ada: Customer, operation: str, fault: str) -> None:
    await run(calm_world, CALLS[operation], rich_ada, (operation, fault, 1))


@pytest.mark.parametrize("operation", KEPT_500)
async def test_a_failure_that_the_vendor_keeps_is_given_up_and_everything_undone(
    calm_world: World, rich_ada: Customer, operation: str
) -> None:
    await run(calm_world, KEPT_500[operation], rich_ada, (operation, "error", 1))


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "late"])
@pytest.mark.parametrize("operation", ["create_transfer", "create_payout", "create_transfer_reversal"])
async def test_several_moves_that_all_go_wrong_move_once(
    calm_world: World, rich_ada: Customer, operation: str, fault: str
) -> None:
    await run(calm_world, CALLS[operation], rich_ada, (operation, fault, 2))


@pytest.mark.parametrize("mode", ["duplicate", "delay", "reorder", "drop"])
@pytest.mark.parametrize(
    "name", ["card top-up", "card top-up that nobody pays", "card payout", "card payout that fails"]
)
async def test_webhooks_twice_late_out_of_order_or_never_change_nothing(
    calm_world: World, rich_ada: Customer, name: str, mode: str
) -> None:
    before = await Outside.of(calm_world)
    await SCENARIOS[name].set_up(calm_world)
    await calm_world.webhooks_travel(mode)
    saga_id = await SCENARIOS[name].order(calm_world, rich_ada, rich_ada.dollars_id)
    await calm_world.settle()
    await require_end(calm_world, SCENARIOS[name], saga_id, before, rich_ada)
