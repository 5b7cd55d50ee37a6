"""Cards: the bank's question answered from the ledger, and what becomes of the answer, in any order and number."""

import hmac
import json
from base64 import b64encode
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from app.errors import Overloaded
from app.ids import new_id, stored_id
from app.ledger.accounts import AccountStatus
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.limits import Limit, Limits, Period
from app.money import USD, Money
from app.providers.unit.webhooks import CardQuestion
from app.wallets.card_store import CardStore
from app.wallets.card_use import CardUse
from tests.worlds import BOOK, Customer, World


@dataclass(frozen=True, slots=True)
class Holder:
    """A customer with 500 dollars and a card on them."""

    world: World
    customer: Customer
    card_id: str
    vendor_id: str

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> httpx2.Response:
        headers = {**await self.world.signed_in(self.customer.name), "Idempotency-Key": key or new_id("key")}
        return await self.world.api.request(method, path, json=body, headers=headers)

    async def available(self) -> str:
        return await self.world.available(self.customer.dollars_id)

    async def ask(self, amount: str, **how: float) -> dict[str, Any]:
        """A merchant asks for that much; what became of the question."""
        body = {"card_id": self.vendor_id, "amount": Money.parse(amount, USD).minor, **how}
        asked = (await self.world.desk.post("/control/unit/card-request", json=body)).json()
        await self.world.settle()
        return await self.became_of(asked["request_id"])

    async def became_of(self, request_id: str) -> dict[str, Any]:
        book = (await self.world.desk.get("/control/unit/book")).json()["card_requests"]
        found: dict[str, Any] = next(each for each in book if each["id"] == request_id)
        return found

    async def clear(self, amount: str, authorization_id: str | None = None, direction: str = "Debit") -> None:
        body = {
            "card_id": self.vendor_id,
            "amount": Money.parse(amount, USD).minor,
            "authorization_id": authorization_id,
            "direction": direction,
        }
        (await self.world.desk.post("/control/unit/card-clearing", json=body)).raise_for_status()
        await self.world.settle()

    async def cancel(self, authorization_id: str) -> None:
        body = {"authorization_id": authorization_id}
        (await self.world.desk.post("/control/unit/card-cancel", json=body)).raise_for_status()
        await self.world.settle()


async def customer_of(world: World) -> Customer:
    """Somebody whom the bank keeps an account for, with 500 dollars here."""
    customer = await world.customer(new_id("name"))
    await world.settle()
    return await world.with_new_accounts(customer, "500.00")


@pytest.fixture(scope="module")
async def owner(busy_world: World) -> Customer:
    """Made once: an onboarding takes longer than most of these tests."""
    return await customer_of(busy_world)


@pytest.fixture
async def holder(owner: Customer, calm_world: World) -> Holder:
    customer = await calm_world.with_new_accounts(owner, "500.00")
    headers = {**await calm_world.signed_in(customer.name), "Idempotency-Key": new_id("key")}
    answer = await calm_world.api.post("/v1/cards", json={"account_id": customer.dollars_id}, headers=headers)
    assert answer.status_code == 201, answer.text
    card = await CardStore(calm_world.runtime.database).card(stored_id(BOOK, answer.json()["id"]))
    assert card is not None
    assert card.vendor_id is not None
    return Holder(calm_world, customer, answer.json()["id"], card.vendor_id)


async def test_an_approval_holds_and_a_clearing_of_another_amount_takes_what_it_takes(holder: Holder) -> None:
    asked = await holder.ask("30.00")
    assert asked["status"] == "Approved"
    assert await holder.available() == "470.00"
    await holder.clear("32.50", asked["authorization_id"])
    assert await holder.available() == "467.50"
    await holder.world.audit()


async def test_what_a_clearing_leaves_of_the_hold_is_available_again(holder: Holder) -> None:
    asked = await holder.ask("30.00")
    await holder.clear("12.00", asked["authorization_id"])
    assert await holder.available() == "488.00"


async def test_more_than_there_is_is_declined_by_name(holder: Holder) -> None:
    asked = await holder.ask("500.01")
    assert (asked["status"], asked["decline_reason"]) == ("Declined", "InsufficientFunds")
    assert await holder.available() == "500.00"


async def test_a_frozen_account_declines_and_a_frozen_card_too(holder: Holder) -> None:
    await holder.world.set_status(holder.customer.dollars_id, AccountStatus.FROZEN)
    assert (await holder.ask("1.00"))["decline_reason"] == "RestrictedCard"
    await holder.world.set_status(holder.customer.dollars_id, AccountStatus.OPEN)
    frozen = await holder.call("POST", f"/v1/cards/{holder.card_id}/freeze")
    assert (frozen.status_code, frozen.json()["status"]) == (200, "frozen")
    assert (await holder.call("POST", f"/v1/cards/{holder.card_id}/freeze")).status_code == 200
    assert (await holder.ask("1.00"))["status"] == "Declined"
    unfrozen = await holder.call("POST", f"/v1/cards/{holder.card_id}/unfreeze")
    assert unfrozen.json()["status"] == "active"
    assert (await holder.ask("1.00"))["status"] == "Approved"


async def test_a_card_frozen_here_declines_even_if_the_bank_still_asks(holder: Holder) -> None:
    await holder.world.dial("unit freeze_card", "error")
    assert (await holder.call("POST", f"/v1/cards/{holder.card_id}/freeze")).status_code == 503
    answer = await holder.world.runtime.card_use.answer(question(holder, new_id("req"), 100))
    assert answer.reason == "RestrictedCard"


async def test_the_same_question_gets_the_same_answer_and_one_hold(holder: Holder) -> None:
    asked = question(holder, new_id("req"), 30_00)
    answers = [await holder.world.runtime.card_use.answer(asked) for _ in range(3)]
    assert [each.reason for each in answers] == [None, None, None]
    assert await holder.available() == "470.00"
    other = CardQuestion(asked.request_id, asked.card_id, Money(31_00, USD))
    assert not (await holder.world.runtime.card_use.answer(other)).approves
    declined = question(holder, new_id("req"), 600_00)
    assert (await holder.world.runtime.card_use.answer(declined)).reason == "InsufficientFunds"
    await holder.clear("100.00", direction="Credit")
    await holder.clear("100.00", direction="Credit")
    assert (await holder.world.runtime.card_use.answer(declined)).reason == "InsufficientFunds"


async def test_a_limit_of_the_card_rail_declines(holder: Holder) -> None:
    runtime = holder.world.runtime
    limits = Limits((Limit("card", Period.DAY, "USD", Money(50_00, USD)),))
    use = CardUse(runtime.door, CardStore(runtime.database), runtime.clock, answer_s=1.0, limits=limits)
    assert (await use.answer(question(holder, new_id("req"), 40_00))).approves
    assert (await use.answer(question(holder, new_id("req"), 40_00))).reason == "CardExceedsAmountLimit"


@dataclass(frozen=True, slots=True)
class SlowDoor:
    """A door that takes its time, or is full."""

    refusal: type[Exception]

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:  # noqa: ARG002
        raise self.refusal


@pytest.mark.parametrize("refusal", [Overloaded, TimeoutError, RuntimeError])
async def test_no_answer_in_time_is_a_no(holder: Holder, refusal: type[Exception]) -> None:
    runtime = holder.world.runtime
    door: Any = SlowDoor(refusal)
    use = CardUse(door, CardStore(runtime.database), runtime.clock, answer_s=0.2)
    assert (await use.answer(question(holder, new_id("req"), 100))).reason == "DoNotHonor"


async def test_a_card_that_nobody_knows_gets_a_no(holder: Holder) -> None:
    unknown = CardQuestion(new_id("req"), "999", Money(1, USD))
    assert (await holder.world.runtime.card_use.answer(unknown)).reason == "DoNotHonor"


async def test_a_reversal_gives_the_hold_back_and_a_late_clearing_is_booked_all_the_same(holder: Holder) -> None:
    asked = await holder.ask("30.00")
    await holder.cancel(asked["authorization_id"])
    assert await holder.available() == "500.00"
    await holder.clear("30.00", asked["authorization_id"])
    assert await holder.available() == "470.00"
    await holder.world.audit()


async def test_a_hold_that_expires_is_given_back_and_cleared_later_all_the_same(holder: Holder) -> None:
    asked = await holder.ask("30.00")
    holder.world.clock.advance(31 * 86_400)
    await holder.world.runtime.expiry.sweep()
    assert await holder.available() == "500.00"
    await holder.clear("30.00", asked["authorization_id"])
    assert await holder.available() == "470.00"


async def refused_by_the_bank(holder: Holder) -> str:
    """A question that the bank will say no to by itself, and has not told of yet."""
    desk, body = holder.world.desk, {"card_id": holder.vendor_id, "amount": 30_00}
    frozen = await desk.post(f"/unit/cards/{holder.vendor_id}/freeze", headers={"Authorization": "Bearer any"})
    frozen.raise_for_status()
    return str((await desk.post("/control/unit/card-request", json=body)).json()["request_id"])


async def test_a_yes_that_came_too_late_reserves_nothing_once_the_bank_has_declined(holder: Holder) -> None:
    world, asked = holder.world, await refused_by_the_bank(holder)
    assert (await world.runtime.card_use.answer(question(holder, asked, 30_00))).approves
    assert await holder.available() == "470.00"
    await world.settle()
    assert await holder.available() == "500.00"


async def test_a_yes_that_lands_after_the_bank_has_told_of_its_no_reserves_nothing(holder: Holder) -> None:
    runtime = holder.world.runtime

    async def submit(change: Change, *, deadline_s: float) -> Posted | Duplicate:
        await holder.world.settle()
        return await runtime.door.submit(change, deadline_s=deadline_s)

    door: Any = SimpleNamespace(submit=submit)
    use = CardUse(door, CardStore(runtime.database), runtime.clock, answer_s=9.0)
    asked = await refused_by_the_bank(holder)
    assert not (await use.answer(question(holder, asked, 30_00))).approves
    assert await holder.available() == "500.00"


async def test_a_clearing_without_any_question_is_a_fact_and_may_leave_a_receivable(holder: Holder) -> None:
    await holder.clear("20.00")
    assert await holder.available() == "480.00"
    await holder.clear("600.00")
    assert await holder.available() == "0.00"
    query = {"role": "receivable", "user_id": holder.customer.user_id}
    owed = await holder.world.runtime.database["accounts"].find_one(query)
    assert owed is not None
    assert str(owed["balance"]) == "-12000"
    await holder.world.audit()


async def test_a_second_clearing_of_the_same_authorization_books_too(holder: Holder) -> None:
    asked = await holder.ask("30.00")
    await holder.clear("10.00", asked["authorization_id"])
    await holder.clear("15.00", asked["authorization_id"])
    assert await holder.available() == "475.00"
    await holder.world.audit()


@pytest.mark.parametrize("mode", ["duplicate", "reorder", "delay"])
async def test_however_the_webhooks_travel_each_thing_is_booked_once(holder: Holder, mode: str) -> None:
    await holder.world.webhooks_travel(mode)
    asked = await holder.ask("30.00")
    await holder.clear("25.00", asked["authorization_id"])
    await holder.clear("5.00", direction="Credit")
    await holder.world.settle()
    holder.world.clock.advance(61)
    await holder.world.settle()
    assert await holder.available() == "480.00"
    await holder.world.audit()


async def test_an_authorization_that_names_no_question_is_found_by_card_and_amount(holder: Holder) -> None:
    first, second = await holder.ask("30.00", linked=False), await holder.ask("7.00", linked=False)
    assert await holder.available() == "463.00"
    await holder.clear("7.50", second["authorization_id"])
    await holder.cancel(first["authorization_id"])
    assert await holder.available() == "492.50"
    await holder.world.audit()


async def test_a_question_is_answered_only_if_it_is_signed_and_whole(holder: Holder) -> None:
    api, secret = holder.world.api, holder.world.settings.unit_webhook_secret.get_secret_value()
    related = {"card": {"data": {"type": "card", "id": holder.vendor_id}}}
    asked = {"type": "purchaseAuthorizationRequest", "id": "6", "attributes": {"amount": 100}, "relationships": related}
    for data, status in ((asked, 200), ([asked], 200), ({**asked, "attributes": {"amount": "100"}}, 400), ([], 400)):
        body = json.dumps({"data": data}).encode()
        signature = b64encode(hmac.digest(secret.encode(), body, "sha1")).decode()
        answer = await api.post("/webhooks/unit/authorizations", content=body, headers={"x-unit-signature": signature})
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json()["data"] == {"type": "approveAuthorizationRequest", "attributes": {"amount": 100}}
    forged = await api.post("/webhooks/unit/authorizations", content=body, headers={"x-unit-signature": "forged"})
    assert forged.status_code == 401


async def later(world: World) -> None:
    """What waits in the inbox is due again."""
    world.clock.advance(61)
    await world.settle()


@pytest.mark.parametrize("mode", ["normal", "duplicate", "reorder"])
async def test_a_question_that_comes_by_webhook_is_answered_by_a_call_and_booked_once(
    holder: Holder, mode: str
) -> None:
    await holder.world.webhooks_travel(mode)
    asked = await holder.ask("30.00", by_event=True, answer_s=10)
    assert asked["status"] == "Approved"
    assert await holder.available() == "470.00"
    refused = await holder.ask("600.00", by_event=True, answer_s=10)
    assert (refused["status"], refused["decline_reason"]) == ("Declined", "InsufficientFunds")
    await holder.clear("25.00", asked["authorization_id"])
    await later(holder.world)
    assert await holder.available() == "475.00"
    await holder.world.audit()


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "error"])
async def test_an_answer_whose_fate_is_unknown_is_given_again_and_holds_once(holder: Holder, fault: str) -> None:
    await holder.world.dial("unit approve_authorization_request", fault)
    body = {"card_id": holder.vendor_id, "amount": 30_00, "by_event": True, "answer_s": 3_600}
    asked = (await holder.world.desk.post("/control/unit/card-request", json=body)).json()["request_id"]
    await holder.world.act()
    assert await holder.available() == "470.00"
    holder.world.clock.advance(1)
    await holder.world.act()
    assert (await holder.became_of(asked))["status"] == "Approved"
    assert await holder.available() == "470.00"


async def test_a_question_that_is_heard_too_late_reserves_nothing(holder: Holder) -> None:
    await holder.world.webhooks_travel("delay", delay_ms=3_000)
    asked = await holder.ask("30.00", by_event=True)
    assert (asked["status"], asked["decline_reason"]) == ("Declined", "Timeout")
    await later(holder.world)
    assert await holder.available() == "500.00"


async def test_a_yes_that_the_bank_no_longer_hears_is_taken_back(holder: Holder) -> None:
    await holder.world.dial("unit approve_authorization_request", "error", times=10)
    asked = await holder.ask("30.00", by_event=True)
    await later(holder.world)
    assert (await holder.became_of(asked["id"]))["decline_reason"] == "Timeout"
    assert await holder.available() == "500.00"
    await holder.world.audit()


async def test_a_question_asked_both_ways_is_answered_once(holder: Holder) -> None:
    body = {"card_id": holder.vendor_id, "amount": 30_00, "by_event": True}
    asked = (await holder.world.desk.post("/control/unit/card-request", json=body)).json()["request_id"]
    assert (await holder.world.runtime.card_use.answer(question(holder, asked, 30_00))).approves
    await holder.world.settle()
    assert (await holder.became_of(asked))["status"] == "Approved"
    assert await holder.available() == "470.00"


async def test_a_card_is_issued_once_for_its_key_even_if_the_answer_was_lost(calm_world: World) -> None:
    customer, key = await customer_of(calm_world), new_id("key")
    headers = {**await calm_world.signed_in(customer.name), "Idempotency-Key": key}
    body = {"account_id": customer.dollars_id}
    await calm_world.dial("unit create_card", "timeout_after")
    assert (await calm_world.api.post("/v1/cards", json=body, headers=headers)).status_code == 503
    (card,) = (await calm_world.api.get("/v1/cards", headers=headers)).json()["items"]
    assert card["status"] == "issuing"
    issued = await calm_world.api.post("/v1/cards", json=body, headers=headers)
    assert (issued.status_code, issued.json()["id"], issued.json()["status"]) == (201, card["id"], "active")
    mine = (await calm_world.api.get("/v1/cards", headers=headers)).json()["items"]
    assert [each["id"] for each in mine] == [card["id"]]
    refused = await calm_world.api.post(
        "/v1/cards", json={"account_id": customer.coins_id}, headers={**headers, "Idempotency-Key": new_id("key")}
    )
    assert refused.json()["code"] == "currency-mismatch"


async def test_without_an_account_at_the_bank_there_is_no_card(calm_world: World) -> None:
    customer = await customer_of(calm_world)
    await calm_world.runtime.database["users"].update_one(
        {"_id": stored_id(BOOK, customer.user_id)}, {"$unset": {"deposit_account_id": "", "deposit_account_mask": ""}}
    )
    headers = {**await calm_world.signed_in(customer.name), "Idempotency-Key": new_id("key")}
    refused = await calm_world.api.post("/v1/cards", json={"account_id": customer.dollars_id}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "onboarding-incomplete")
    assert (await calm_world.api.get("/v1/deposit-account", headers=headers)).status_code == 409


async def test_anothers_card_is_not_there(holder: Holder) -> None:
    other = await customer_of(holder.world)
    headers = {**await holder.world.signed_in(other.name), "Idempotency-Key": new_id("key")}
    answer = await holder.world.api.post(f"/v1/cards/{holder.card_id}/freeze", headers=headers)
    assert answer.status_code == 404


async def test_the_numbers_are_for_their_owner_and_nowhere_else(
    holder: Holder, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = (await holder.call("GET", "/v1/deposit-account")).json()
    numbers = (await holder.call("GET", "/v1/deposit-account/numbers")).json()
    assert numbers["account_number"].endswith(shown["mask"])
    assert len(shown["mask"]) == 4
    said = capfd.readouterr()
    assert numbers["account_number"] not in said.out + said.err
    for name in await holder.world.runtime.database.list_collection_names():
        async for document in holder.world.runtime.database[name].find({}):
            assert numbers["account_number"] not in repr(document)


def question(holder: Holder, request_id: str, minor: int) -> CardQuestion:
    return CardQuestion(request_id, holder.vendor_id, Money(minor, USD))
