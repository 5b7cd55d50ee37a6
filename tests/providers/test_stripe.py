"""Stripe's adapter against its simulator: the right one of the three words, and nothing done twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.money import USD, Money
from app.providers.card_ports import CardPaymentStatus, CardPayoutStatus, Payee
from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.providers.stripe import wire
from app.providers.stripe.adapter import StripeCards, request_headers
from app.providers.transport import Transport
from tests.providers.test_against_sandbox import World, still_world, world
from tests.providers.test_unit_accounts import ADA as PERSON
from tests.providers.tiny_vendor import Answer, TinyVendor
from tests.sandbox.world import STRIPE, eventually

__all__ = ["still_world", "world"]

TEN = Money(10_00, USD)
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
DEBIT = SecretStr("tok_visa_debit")


async def book(world: World, kind: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await world.desk.get("/control/stripe/book")).json()[kind]
    return listed


async def calls(world: World, operation: str) -> list[dict[str, Any]]:
    asked = await world.desk.get("/control/stripe/calls", params={"operation": operation})
    listed: list[dict[str, Any]] = asked.json()["items"]
    return listed


async def payee_with_card(world: World) -> tuple[str, str]:
    payouts = world.providers.card_payouts
    payee = await payouts.create_payee(PERSON, reference="eff_payee", key="payee")
    assert await payouts.payee(payee) == Payee(payee, is_ready=True)
    card = await payouts.attach_card(payee, DEBIT, reference="eff_card", key="card")
    assert card.is_instant
    return payee, card.id


async def test_a_payment_is_made_found_and_read(still_world: World) -> None:
    cards = still_world.providers.card_payments
    made = await cards.create_payment(TEN, reference="eff_1", key="eff_1")
    assert (made.amount, made.status, made.reference) == (TEN, CardPaymentStatus.OPEN, "eff_1")
    assert made.client_secret is not None
    assert "secret" not in repr(made)
    assert await cards.payment(made.id) == made
    assert await cards.find_payment("eff_1", LONG_AGO) == made
    assert await cards.find_payment("eff_2", LONG_AGO) is None
    assert await cards.payment("pi_unknown") is None
    assert await cards.charge_of(made.id) is None


async def test_a_payment_is_found_among_more_than_a_page(still_world: World) -> None:
    cards = still_world.providers.card_payments
    for number in range(102):
        await cards.create_payment(TEN, reference=f"eff_{number}", key=f"eff_{number}")
    found = await cards.find_payment("eff_0", LONG_AGO)
    assert found is not None
    assert len(await calls(still_world, "list_payment_intents")) == 2


async def test_the_same_key_makes_one_payment_and_other_terms_under_it_are_looked_up(still_world: World) -> None:
    cards = still_world.providers.card_payments
    made = await cards.create_payment(TEN, reference="eff_1", key="eff_1")
    assert await cards.create_payment(TEN, reference="eff_1", key="eff_1") == made
    with pytest.raises(OutcomeUnknown, match="idempotency_error"):
        await cards.create_payment(Money(11_00, USD), reference="eff_1", key="eff_1")
    assert len(await book(still_world, "payment_intents")) == 1


async def test_a_paid_payment_tells_its_charge_and_what_was_taken_back_of_it(world: World) -> None:
    cards = world.providers.card_payments
    made = await cards.create_payment(TEN, reference="eff_1", key="eff_1")

    async def paid() -> bool:
        now = await cards.payment(made.id)
        return now is not None and now.status is CardPaymentStatus.SUCCEEDED

    await eventually(paid)
    charge = await cards.charge_of(made.id)
    assert charge is not None
    assert (charge.amount, charge.fee, charge.refunded.minor, charge.disputed.minor) == (TEN, Money(59, USD), 0, 0)
    await world.desk.post("/control/stripe/dispute", json={"payment_intent_id": made.id})
    disputed = await cards.charge_of(made.id)
    assert disputed is not None
    assert (disputed.disputed, disputed.dispute_fee) == (TEN, Money(15_00, USD))
    await world.desk.post("/control/stripe/dispute", json={"payment_intent_id": made.id, "close": "won"})
    won = await cards.charge_of(made.id)
    assert won is not None
    assert (won.disputed.minor, won.dispute_fee) == (0, Money(15_00, USD))


async def test_a_payment_is_canceled_once_and_one_that_is_over_is_found_so(still_world: World) -> None:
    cards = still_world.providers.card_payments
    made = await cards.create_payment(TEN, reference="eff_1", key="eff_1")
    for key in ("cancel-1", "cancel-1", "cancel-2"):
        assert (await cards.cancel_payment(made.id, key=key)).status is CardPaymentStatus.CANCELED


async def test_money_goes_to_a_debit_card_in_two_steps(world: World) -> None:
    payouts = world.providers.card_payouts
    payee, card = await payee_with_card(world)
    moved = await payouts.transfer(payee, TEN, reference="eff_t", key="eff_t")
    assert await payouts.transferred(moved.id) == moved
    assert await payouts.find_transfer(payee, "eff_t", LONG_AGO) == moved
    paid = await payouts.pay_out(payee, card, TEN, reference="eff_p", key="eff_p")
    assert await payouts.find_payout(payee, "eff_p", LONG_AGO) is not None

    async def arrived() -> bool:
        now = await payouts.payout(payee, paid.id)
        return now is not None and now.status is CardPayoutStatus.PAID

    await eventually(arrived)
    with pytest.raises(Declined, match="balance_insufficient"):
        await payouts.reverse_transfer(moved.id, reference="eff_r", key="eff_r")


async def test_a_transfer_is_taken_back_once(still_world: World) -> None:
    payouts = still_world.providers.card_payouts
    payee, _ = await payee_with_card(still_world)
    moved = await payouts.transfer(payee, TEN, reference="eff_t", key="eff_t")
    reversal = await payouts.reverse_transfer(moved.id, reference="eff_r", key="eff_r")
    assert await payouts.find_reversal(moved.id, "eff_r") == reversal
    again = await payouts.transferred(moved.id)
    assert again is not None
    assert again.reversed == TEN


@pytest.mark.parametrize(("token", "code"), [("tok_visa", "invalid_card_type"), ("tok_none", "resource_missing")])
async def test_a_card_that_cannot_be_paid_is_declined(still_world: World, token: str, code: str) -> None:
    payouts = still_world.providers.card_payouts
    payee = await payouts.create_payee(PERSON, reference="eff_payee", key="payee")
    with pytest.raises(Declined, match=code):
        await payouts.attach_card(payee, SecretStr(token), reference="eff_card", key="card")


async def test_a_payee_of_whom_the_vendor_wants_to_know_more_is_not_ready(still_world: World) -> None:
    payouts = still_world.providers.card_payouts
    stranger = replace(PERSON, ssn=SecretStr("912341111"))
    payee = await payouts.create_payee(stranger, reference="eff_payee", key="payee")
    due = Payee(payee, is_ready=False, due=("individual.verification.document",))
    assert await payouts.payee(payee) == due
    with pytest.raises(Declined, match="insufficient_capabilities_for_transfer"):
        await payouts.transfer(payee, TEN, reference="eff_t", key="eff_t")
    told = {"individual[verification][document][front]": "file_1"}
    (await still_world.desk.post(f"/stripe/v1/accounts/{payee}", data=told, headers=STRIPE)).raise_for_status()
    assert await payouts.payee(payee) == Payee(payee, is_ready=True)
    assert await payouts.payee("acct_unknown") is None


async def test_payees_and_cards_are_found_by_whose_they_are(still_world: World) -> None:
    payouts = still_world.providers.card_payouts
    payee, card = await payee_with_card(still_world)
    assert await payouts.find_payee("eff_payee", LONG_AGO) == payee
    assert await payouts.find_payee("eff_other", LONG_AGO) is None
    found = await payouts.find_card(payee, "eff_card")
    assert found is not None
    assert found.id == card
    assert await payouts.card(payee, "card_unknown") is None


def error(kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": "free text"}}


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (400, error("invalid_request_error", "amount_too_small"), Declined),
        (400, error("idempotency_error"), OutcomeUnknown),
        (402, error("card_error", "card_declined"), Declined),
        (401, error("invalid_request_error"), Unavailable),
        (409, error("invalid_request_error", "idempotency_key_in_use"), OutcomeUnknown),
        (409, error("invalid_request_error", "conflict"), OutcomeUnknown),
        (424, error("api_error"), OutcomeUnknown),
        (429, error("invalid_request_error", "lock_timeout"), Unavailable),
        (500, error("api_error"), OutcomeUnknown),
        (404, b"<html>", OutcomeUnknown),
        (200, {"id": "pi_1"}, OutcomeUnknown),
    ],
)
async def test_every_answer_has_its_word(status: int, body: Any, word: type[ProviderOutcome]) -> None:
    vendor = TinyVendor(Answer(status, body))
    line = Transport(
        "stripe",
        base_url="http://stripe.test",
        timeout_s=1.0,
        transport=httpx2.ASGITransport(app=vendor),
        error_code=wire.error_code,
        headers=request_headers(SecretStr("sk_test_1")),
    )
    with pytest.raises(word) as raised:
        await StripeCards(line).create_payment(TEN, reference="eff_1", key="eff_1")
    await line.aclose()
    assert "free text" not in str(raised.value)
    asked = vendor.last
    assert asked.headers["authorization"] == "Bearer sk_test_1"
    assert asked.headers["stripe-version"] == "2026-10-28.endive"
    assert asked.headers["idempotency-key"] == "eff_1"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body == (
        b"amount=1000&currency=usd&payment_method_types%5B0%5D=card"
        b"&capture_method=automatic&metadata%5Breference%5D=eff_1"
    )


def test_a_status_that_nobody_knows_is_unrecognised() -> None:
    shown = {"id": "pi_1", "amount": 1, "currency": "usd", "status": "brand_new"}
    assert wire.payment(shown).status is CardPaymentStatus.UNRECOGNISED
    assert wire.payout({**shown, "id": "po_1"}).status is CardPayoutStatus.UNRECOGNISED
