"""Stripe's own asynchronous client against the simulator, unchanged, over loopback: it cannot tell."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import stripe

from tests.providers.test_against_sandbox import World, still_world, world
from tests.sandbox.world import eventually

__all__ = ["still_world", "world"]

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # how the vendor's client uses httpx


PERSON: dict[str, object] = {
    "first_name": "Ada",
    "last_name": "Doe",
    "dob": {"day": 10, "month": 12, "year": 1990},
    "address": {"line1": "20 Ingram Street", "city": "Forest Hills", "state": "NY", "postal_code": "11375"},
    "ssn_last_4": "0000",
}

Clients = Callable[..., Any]
"""Clients of a world's simulator, by its secret key or another one; typed loosely, as the tests judge what they do."""


@pytest.fixture
async def client_of() -> AsyncIterator[Clients]:
    opened: list[stripe.HTTPXClient] = []

    def client_of(world: World, key: str = "sk_test_any") -> Any:
        base = f"{world.desk.base_url}/stripe".replace("//stripe", "/stripe")
        opened.append(stripe.HTTPXClient())
        return stripe.StripeClient(key, base_addresses={"api": base}, http_client=opened[-1], max_network_retries=0)

    yield client_of
    for each in opened:
        await each.close_async()  # type: ignore[no-untyped-call]  # the vendor's own


async def test_a_payment_is_created_confirmed_and_read(still_world: World, client_of: Clients) -> None:
    payments = client_of(still_world).v1.payment_intents
    made = await payments.create_async(
        {"amount": 2500, "currency": "usd", "payment_method_types": ["card"], "metadata": {"op": "op_9"}}
    )
    assert (made.status, made.amount, made.metadata["op"]) == ("requires_payment_method", 2500, "op_9")
    assert made.client_secret
    paid = await payments.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 2500)
    read = await payments.retrieve_async(made.id, {"expand": ["latest_charge"]})
    assert isinstance(read.latest_charge, stripe.Charge)
    assert read.latest_charge.amount == 2500


async def test_a_customers_app_confirms_with_the_secret_and_reads_nothing_without_it(
    still_world: World, client_of: Clients
) -> None:
    ours, theirs = client_of(still_world), client_of(still_world, "pk_test_any")
    made = await ours.v1.payment_intents.create_async({"amount": 2500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError):
        await theirs.v1.payment_intents.retrieve_async(made.id)
    with pytest.raises(stripe.AuthenticationError):
        await theirs.v1.payment_intents.list_async()
    secret = {"payment_method": "pm_card_visa", "client_secret": made.client_secret}
    answer = await theirs.raw_request_async("post", f"/v1/payment_intents/{made.id}/confirm", **secret)
    assert answer.code == 200


async def test_declines_are_card_errors_and_leave_the_payment_open(still_world: World, client_of: Clients) -> None:
    payments = client_of(still_world).v1.payment_intents
    made = await payments.create_async({"amount": 2500, "currency": "usd", "payment_method_types": ["card"]})
    with pytest.raises(stripe.CardError) as declined:
        await payments.confirm_async(made.id, {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"})
    assert declined.value.code == "card_declined"
    read = await payments.retrieve_async(made.id)
    assert read.status == "requires_payment_method"
    assert read.last_payment_error is not None
    assert read.last_payment_error.decline_code == "insufficient_funds"
    assert (await payments.cancel_async(made.id)).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await payments.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_a_key_replays_its_answer_and_refuses_another_request(still_world: World, client_of: Clients) -> None:
    payments = client_of(still_world).v1.payment_intents
    asked = {"amount": 2500, "currency": "usd"}
    made = await payments.create_async(asked, {"idempotency_key": "key-1"})
    again = await payments.create_async(asked, {"idempotency_key": "key-1"})
    assert again.id == made.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await payments.create_async({"amount": 2600, "currency": "usd"}, {"idempotency_key": "key-1"})


async def test_a_failure_is_kept_under_its_key(still_world: World, client_of: Clients) -> None:
    payments = client_of(still_world).v1.payment_intents
    await still_world.dial("stripe", "create_payment_intent", "error")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await payments.create_async({"amount": 2500, "currency": "usd"}, {"idempotency_key": "key-1"})
    assert (await payments.create_async({"amount": 2500, "currency": "usd"}, {"idempotency_key": "key-2"})).id


async def test_what_fails_validation_leaves_the_key_as_good_as_new(still_world: World, client_of: Clients) -> None:
    payments = client_of(still_world).v1.payment_intents
    with pytest.raises(stripe.InvalidRequestError):
        await payments.create_async({"amount": 49, "currency": "usd"}, {"idempotency_key": "key-1"})
    assert (await payments.create_async({"amount": 50, "currency": "usd"}, {"idempotency_key": "key-1"})).id


async def test_lists_are_paged_newest_first(still_world: World, client_of: Clients) -> None:
    payments = client_of(still_world).v1.payment_intents
    made = [(await payments.create_async({"amount": 100 + n, "currency": "usd"})).id for n in range(5)]
    listed = await payments.list_async({"limit": 2, "created": {"gte": 1}})
    assert [each.id async for each in listed.auto_paging_iter()] == made[::-1]
    assert [each.id for each in (await payments.list_async({"ending_before": made[2]})).data] == made[:2:-1]


async def test_a_refund_and_a_dispute_show_in_the_charge_the_balance_and_the_events(
    still_world: World, client_of: Clients
) -> None:
    client = client_of(still_world)
    asked = {"amount": 2500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    paid = [await client.v1.payment_intents.create_async({**asked, "capture_method": "automatic"}) for _ in range(2)]
    before = (await client.v1.balance.retrieve_async()).available[0].amount
    refund = await client.v1.refunds.create_async({"payment_intent": paid[0].id, "amount": 1000})
    assert refund.status == "succeeded"
    await still_world.desk.post("/control/stripe/dispute", json={"payment_intent_id": paid[1].id})
    (dispute,) = (await client.v1.disputes.list_async({"payment_intent": paid[1].id})).data
    assert dispute.amount == 2500
    charge = await client.v1.charges.retrieve_async(str(paid[0].latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (1000, False)
    assert (await client.v1.balance.retrieve_async()).available[0].amount == before - 1000 - 2500 - 1500
    moved = await client.v1.balance_transactions.list_async({"type": "refund"})
    assert [each.net for each in moved.data] == [-1000]
    told = await client.v1.events.list_async({"types": ["charge.refunded", "charge.dispute.created"]})
    assert [each.type for each in told.data] == ["charge.dispute.created", "charge.refunded"]
    assert (await client.v1.events.retrieve_async(told.data[0].id)).data.object["id"] == dispute.id


async def test_a_debit_card_is_paid_through_connect(world: World, client_of: Clients) -> None:
    client = client_of(world)
    payee = await client.v1.accounts.create_async({"country": "US", "capabilities": {"transfers": {"requested": True}}})
    assert payee.requirements is not None
    assert "individual.ssn_last_4" in (payee.requirements.currently_due or [])
    payee = await client.v1.accounts.update_async(payee.id, {"business_type": "individual", "individual": PERSON})
    assert payee.capabilities is not None
    assert payee.capabilities.transfers == "active"
    card = await client.v1.accounts.external_accounts.create_async(payee.id, {"external_account": "tok_visa_debit"})
    assert "instant" in card.available_payout_methods
    moved = await client.v1.transfers.create_async({"amount": 2531, "currency": "usd", "destination": payee.id})
    acting = {"stripe_account": payee.id}
    asked = {"amount": 2531, "currency": "usd", "method": "instant", "destination": card.id}
    paid = await client.v1.payouts.create_async(asked, acting)

    async def failed() -> bool:
        return str((await client.v1.payouts.retrieve_async(paid.id, options=acting)).status) == "failed"

    await eventually(failed)
    told = [each.type for each in (await client.v1.events.list_async({"limit": 100})).data]
    assert "payout.paid" in told
    reversal = await client.v1.transfers.reversals.create_async(moved.id)
    assert reversal.amount == 2531
    assert (await client.v1.transfers.retrieve_async(moved.id)).reversed


async def test_the_vendors_verifier_accepts_our_signature_and_no_other(world: World, client_of: Clients) -> None:
    await client_of(world).v1.payment_intents.create_async({"amount": 2500, "currency": "usd"})

    async def told() -> object:
        return [each for each in world.wallet.received if each.vendor == "stripe"]

    await eventually(told)
    delivery = next(each for each in world.wallet.received if each.vendor == "stripe")
    proof, secret = delivery.headers["stripe-signature"], world.settings.stripe_webhook_secret.get_secret_value()
    event = stripe.Webhook.construct_event(delivery.body, proof, secret)
    assert event.type == "payment_intent.created"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(delivery.body, proof, "whsec_other")
