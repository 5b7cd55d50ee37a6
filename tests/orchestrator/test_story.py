"""A saga told: in one sentence, and posting by posting."""

from app.ids import public_id
from app.ledger.documents import transaction_from
from app.orchestrator.story import moved
from tests.worlds import Customer, World


async def test_a_purchase_is_told_posting_by_posting(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.buy(rich_ada, paying="account", to="account")
    await calm_world.settle()
    told = [moved(transaction_from(each)) for each in await calm_world.runtime.ledger.transactions_of_saga(saga_id)]
    assert told[:2] == ["0.00101546 BTC held on trading", f"100.00 USD held on {rich_ada.dollars_id}"]
    assert told[2] == (
        f"100.00 USD from {rich_ada.dollars_id}, 0.00101546 BTC from trading, "
        "98.50 USD to trading, 1.50 USD to fee, 0.00101546 BTC to delivery"
    )
    assert told[3] == f"0.00101546 BTC from delivery, 0.00101546 BTC to {rich_ada.coins_id}"


async def test_the_story_begins_with_what_it_came_to(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.deposit(rich_ada)
    await calm_world.settle()
    path, headers = f"/v1/sagas/{public_id(saga_id)}/story", await calm_world.signed_in("ada")
    story = (await calm_world.api.get(path, headers=headers)).json()
    assert story["summary"].startswith("Deposit: completed after ")
    assert story["summary"].endswith(" s, with 1 call outside and 4 postings.")
    [sending, *_] = story["postings"]["collect"]
    assert sending["sentence"] == "100.00 USD from in_doubt.unit, 100.00 USD to pending"


async def test_a_refund_does_not_read_like_the_payment(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.dial("tatum send", "decline")
    saga_id = await calm_world.buy(rich_ada)
    await calm_world.settle()
    called = [each for each in await calm_world.story(saga_id, rich_ada) if "the call to unit" in each]
    assert called == [
        "Collect: the call to unit was recorded, and then made (attempt 1).",
        "Collect, being undone: the call to unit was recorded, and then made (attempt 1).",
    ]


async def test_a_hold_is_told_beside_the_step_that_placed_it(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.dial("tatum send", "decline")
    saga_id = await calm_world.buy(rich_ada)
    await calm_world.settle()
    path, headers = f"/v1/sagas/{public_id(saga_id)}/story", await calm_world.signed_in("ada")
    story = (await calm_world.api.get(path, headers=headers)).json()
    held = {step: [each["kind"] for each in told].count("hold") for step, told in story["postings"].items()}
    assert held == {"record": 1, "collect": 1, "convert": 1, "deliver": 0}
    moments = {each["at"] for each in story["story"]}
    assert all(each["at"] in moments for told in story["postings"].values() for each in told)
