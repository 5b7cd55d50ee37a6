"""Whom the card processor may pay: it must know who they are, and what it still wants to know stops the payout."""

import pytest

from app.identity.users import reference_of
from app.orchestrator.progress import order_status
from tests.orchestrator.commanded import give
from tests.sandbox.world import STRIPE
from tests.worlds import BOOK, Customer, World


@pytest.fixture
async def suspect(calm_world: World, rich_ada: Customer) -> Customer:
    """Somebody who was paid to no card before, and whose social security number the processor does not believe."""
    await calm_world.forget_payees()
    people = calm_world.runtime.providers.people
    applicant = await people.applicant_for(reference_of(BOOK, rich_ada.user_id))
    told = {"applicant_id": applicant.id, "info": {"tin": "912341111"}}
    (await calm_world.desk.post("/control/sumsub/person", json=told)).raise_for_status()
    return rich_ada


async def test_a_payout_waits_for_a_person_until_the_processor_knows_enough(
    calm_world: World, suspect: Customer
) -> None:
    world = calm_world
    saga_id = await world.pay_card(suspect, "10.00")
    await world.settle()
    parked = await world.saga(saga_id)
    assert (order_status(parked), parked.reason) == ("parked", "payee-details-due")
    assert "912341111" not in repr(parked)
    payee = (await world.card_book())["accounts"][-1]["id"]
    told = {"individual[verification][document][front]": "file_1"}
    (await world.desk.post(f"/stripe/v1/accounts/{payee}", data=told, headers=STRIPE)).raise_for_status()
    await give(world, "retry", saga_id)
    assert order_status(await world.saga(saga_id)) == "completed"
    await world.audit()


async def test_a_payout_that_nobody_can_receive_is_given_back(calm_world: World, suspect: Customer) -> None:
    world = calm_world
    before = await world.available(suspect.dollars_id)
    saga_id = await world.pay_card(suspect, "10.00")
    await world.settle()
    await give(world, "mark_absent", saga_id, "the processor has rejected the payee")
    assert order_status(await world.saga(saga_id)) == "cancelled"
    assert await world.available(suspect.dollars_id) == before
    await world.audit()
