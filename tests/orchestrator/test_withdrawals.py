"""Dollars on their way out: held, pushed once, and the customer's again if they do not arrive."""

from datetime import timedelta
from typing import Any

import pytest

from app.ids import new_id, public_id, stored_id
from app.ledger.accounts import AccountStatus
from app.money import USD
from app.orchestrator.flows.ach import RETURN_WINDOW
from app.orchestrator.progress import order_status
from app.orchestrator.watch_store import WatchStore
from tests.orchestrator.commanded import give
from tests.orchestrator.pulls import pulling
from tests.orchestrator.scenarios import Outside
from tests.worlds import BOOK, Customer, World


async def suspense(world: World) -> int:
    account = await world.runtime.ledger.account(stored_id(BOOK, f"acc_suspense-{USD.code}"))
    return account.balance if account else 0


async def diversions_of(world: World, saga_id: str) -> list[dict[str, Any]]:
    posted = {each["_id"] for each in await world.runtime.ledger.transactions_of_saga(saga_id)}
    return [case async for case in world.runtime.database["cases"].find({"transaction_id": {"$in": list(posted)}})]


async def test_the_dollars_cannot_be_spent_twice_while_they_are_held(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    saga_id = await world.withdraw(rich_ada, "400.00")
    assert await world.available(rich_ada.dollars_id) == "100.00"
    account = await world.runtime.ledger.account(stored_id(BOOK, rich_ada.dollars_id))
    assert account is not None
    assert (account.balance, account.held) == (500_00, 400_00)
    await world.settle()
    assert (await world.saga(saga_id)).status == "completed"
    assert await world.available(rich_ada.dollars_id) == "100.00"


async def test_a_freeze_before_the_push_parks_with_the_dollars_held(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    saga_id = await world.withdraw(rich_ada)
    await world.set_status(rich_ada.dollars_id, AccountStatus.FROZEN)
    await world.settle()
    saga = await world.saga(saga_id)
    assert (saga.status, saga.reason, saga.parked_from) == ("parked", "account-frozen", "do:push")
    assert await world.available(rich_ada.dollars_id) == "400.00"
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=0)
    await world.audit()


async def test_a_parked_one_is_taken_back_by_command(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    saga_id = await world.withdraw(rich_ada)
    await world.set_status(rich_ada.dollars_id, AccountStatus.FROZEN)
    await world.settle()
    await world.set_status(rich_ada.dollars_id, AccountStatus.OPEN)
    await give(world, "compensate", saga_id)
    assert order_status(await world.saga(saga_id)) == "cancelled"
    assert await world.postings(saga_id) == ["hold", "release"]
    assert await world.available(rich_ada.dollars_id) == "500.00"
    await world.audit()


async def test_one_that_the_bank_did_not_take_on_yet_is_called_off(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    before = await Outside.of(world)
    await world.dial("unit create_payment", "rate_limit")
    saga_id = await world.withdraw(rich_ada)
    await world.work()
    await give(world, "cancel", saga_id)
    assert order_status(await world.saga(saga_id)) == "cancelled"
    assert await world.postings(saga_id) == ["hold", "push.sending", "push.refused"]
    assert await world.available(rich_ada.dollars_id) == "500.00"
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=0)
    await world.audit()


async def test_a_push_that_comes_back_before_it_was_seen_as_sent_is_the_customers_again(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await pushed_and_returned(world, rich_ada, AccountStatus.OPEN)
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("returned", "NoAccount")
    assert await world.postings(saga_id) == ["hold", "push.sending", "push.accepted", "push.came-back"]
    assert await world.available(rich_ada.dollars_id) == "500.00"
    await world.audit()


async def test_a_freeze_does_not_keep_back_what_was_returned(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    saga_id = await pushed_and_returned(world, rich_ada, AccountStatus.FROZEN)
    assert order_status(await world.saga(saga_id)) == "returned"
    assert await world.available(rich_ada.dollars_id) == "500.00"
    await world.audit()


async def test_what_returns_to_a_closed_account_lands_in_suspense_and_a_case_opens(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    before = await suspense(world)
    saga_id = await pushed_and_returned(world, rich_ada, AccountStatus.CLOSED)
    assert order_status(await world.saga(saga_id)) == "returned"
    assert await suspense(world) - before == 100_31
    (case,) = await diversions_of(world, saga_id)
    assert public_id(case["account_id"]) == rich_ada.dollars_id
    await world.audit()


async def pushed_and_returned(world: World, customer: Customer, status: AccountStatus) -> str:
    """A withdrawal whose worker looks again only when the bank has returned it; the account stands so by then."""
    await world.webhooks_travel("drop")
    saga_id = await world.withdraw(customer, "100.31")
    await world.work()
    assert (await world.saga(saga_id)).state == "await:push"
    await world.set_status(customer.dollars_id, status)
    await world.third_parties_act(until=world.clock.now() + timedelta(seconds=30))
    await world.settle()
    return saga_id


async def test_what_was_sent_is_watched_for_as_long_as_it_may_come_back(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.withdraw(rich_ada)
    await calm_world.settle()
    saga, (effect,) = await calm_world.saga(saga_id), await calm_world.runtime.sagas.effects_of(saga_id)
    (watch,) = await WatchStore(calm_world.runtime.database).watches_of(saga_id)
    assert (watch.kind, watch.ref) == ("ach-push", f"unit:payment:{effect.ref}")
    assert watch.until - saga.updated_at == RETURN_WINDOW
    assert watch.facts["account_id"] == stored_id(BOOK, rich_ada.dollars_id)


async def test_its_story(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.withdraw(rich_ada)
    await calm_world.settle()
    (effect,) = await calm_world.runtime.sagas.effects_of(saga_id)
    assert await calm_world.story(saga_id, rich_ada) == [
        "The request was accepted.",
        "Record: 100.00 USD are held in the account.",
        "Push: the call to unit was recorded, and then made (attempt 1).",
        f"Push: unit took it on, as {effect.ref}.",
        "Push: 100.00 USD were sent to the bank.",
        "Everything is done.",
    ]


async def test_the_story_of_one_that_the_bank_refuses(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.withdraw(rich_ada, "100.37")
    await calm_world.settle()
    assert await calm_world.story(saga_id, rich_ada) == [
        "The request was accepted.",
        "Record: 100.37 USD are held in the account.",
        "Push: the call to unit was recorded, and then made (attempt 1).",
        "Push: it did not happen (DailyACHCreditLimitExceeded); what was done before is undone.",
        "Record: taken back.",
        "Everything is undone; the money is where it was.",
    ]


async def test_a_customer_follows_a_withdrawal_over_the_api(calm_world: World, rich_ada: Customer) -> None:
    world, headers = calm_world, await calm_world.signed_in(rich_ada.name)
    body = {"account_id": rich_ada.dollars_id, "bank_link_id": rich_ada.bank_link_id, "amount": "100.00"}
    asked: dict[str, Any] = {"json": body, "headers": {**headers, "Idempotency-Key": new_id("key")}}
    answer = await world.api.post("/v1/withdrawals", **asked)
    assert answer.status_code == 202
    withdrawal = answer.json()
    assert withdrawal == {**withdrawal, **body, "currency": "USD", "status": "sending", "reason": None}
    again = await world.api.post("/v1/withdrawals", **asked)
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (withdrawal["id"], "true")
    await world.settle()
    path = f"/v1/withdrawals/{withdrawal['id']}"
    assert (await world.api.get(path, headers=headers)).json()["status"] == "completed"
    strangers = await world.api.get(path, headers=await world.signed_in("mallory"))
    assert (strangers.status_code, strangers.json()["code"]) == (404, "not-found")
    as_deposit = await world.api.get(f"/v1/deposits/{withdrawal['id'].replace('wdr', 'dep')}", headers=headers)
    assert as_deposit.status_code == 404
    saga = (await world.api.get(f"/v1/sagas/{withdrawal['saga_id']}", headers=headers)).json()
    assert [(step["name"], step["status"]) for step in saga["steps"]] == [("record", "done"), ("push", "done")]


@pytest.mark.parametrize("name", ["account_id", "bank_link_id"])
async def test_somebody_elses_account_or_bank_is_not_there(calm_world: World, rich_ada: Customer, name: str) -> None:
    world = calm_world
    mallory = await world.customer("mallory")
    theirs = {"account_id": mallory.dollars_id, "bank_link_id": mallory.bank_link_id}
    body = {"account_id": rich_ada.dollars_id, "bank_link_id": rich_ada.bank_link_id, "amount": "1.00"}
    headers = {**await world.signed_in(rich_ada.name), "Idempotency-Key": new_id("key")}
    answer = await world.api.post("/v1/withdrawals", json={**body, name: theirs[name]}, headers=headers)
    assert answer.status_code == 404
    assert await world.available(rich_ada.dollars_id) == "500.00"


@pytest.mark.parametrize("at", ["Clearing", "Sent"])
async def test_a_deposit_into_an_account_closed_too_late_to_call_it_off_lands_in_suspense_and_a_case_opens(
    calm_world: World, rich_ada: Customer, at: str
) -> None:
    world = calm_world
    before = await suspense(world)
    saga_id = await pulling(world, rich_ada, "deposit", at=at)
    await world.set_status(rich_ada.dollars_id, AccountStatus.CLOSED)
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    assert await suspense(world) - before == 100_00
    (case,) = await diversions_of(world, saga_id)
    assert public_id(case["account_id"]) == rich_ada.dollars_id
    await world.audit()
