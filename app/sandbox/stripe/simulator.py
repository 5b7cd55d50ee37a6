"""Stripe, put together."""

from base64 import b64decode
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.sandbox.simulation import Simulation
from app.sandbox.stripe.balances import BALANCES, Balances
from app.sandbox.stripe.connect import Connect
from app.sandbox.stripe.events import Events
from app.sandbox.stripe.keys import KEYS, Keys
from app.sandbox.stripe.objects import COLLECTIONS, Objects
from app.sandbox.stripe.payments import Payments, is_publishable
from app.sandbox.stripe.payouts import Payouts
from app.sandbox.stripe.takings import Takings
from app.sandbox.stripe.wire import refusal
from app.sandbox.vendor import Call, Operation, Vendor
from app.sandbox.webhooks import Sender

_CODES = {404: "resource_missing", 429: "rate_limit"}
_FOR_CUSTOMERS = frozenset({"get_payment_intent", "confirm_payment_intent"})
_SHOWN_IN_THE_BOOK = ("payment_intent", "charge", "refund", "dispute", "account", "card", "transfer", "payout")


class DisputeRequest(BaseModel):
    """The cardholder's bank disputes a payment; or, with ``close``, ends the dispute."""

    model_config = ConfigDict(extra="forbid")

    payment_intent_id: str
    close: Literal["won", "lost"] | None = None


class FailureRequest(BaseModel):
    """The card's bank sends a payout back."""

    model_config = ConfigDict(extra="forbid")

    payout_id: str
    failure_code: str = "account_closed"


def stripe(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    objects, keys = Objects(simulation), Keys(simulation)
    events, balances = Events(simulation, objects), Balances(simulation, objects)
    payments = Payments(simulation, objects, balances, events)
    takings = Takings(simulation, objects, balances, events)
    connect = Connect(objects, balances, events)
    payouts = Payouts(simulation, objects, balances, events)

    async def book() -> dict[str, Any]:
        held = {f"{kind}s": [_public(each) for each in await objects.all_of(kind)] for kind in _SHOWN_IN_THE_BOOK}
        return {**held, "available": await balances.available("")}

    return Vendor(
        name="stripe",
        operations=(
            *_payment_operations(keys, payments, takings),
            *_connect_operations(keys, connect, payouts),
            Operation("get_balance", "GET", "/v1/balance", balances.get_balance),
            Operation("list_balance_transactions", "GET", "/v1/balance_transactions", balances.list_transactions),
            Operation("get_balance_transaction", "GET", "/v1/balance_transactions/{id}", balances.get_transaction),
            Operation("list_events", "GET", "/v1/events", events.list_events),
            Operation("get_event", "GET", "/v1/events/{id}", events.get_event),
        ),
        refuse=lambda status, detail: refusal(status, _CODES.get(status), detail),
        decline=_declined,
        authenticate=_authenticate,
        idempotency_key=lambda call: call.header("idempotency-key") or None,
        remember_failure=keys.remember,
        sender=Sender(f"{simulation.config.api_url}/webhooks/stripe", "application/json; charset=utf-8", events.sign),
        moves={
            "pay": payments.pay,
            "settle": payments.settle,
            "refund": takings.refund,
            "dispute": takings.dispute_later,
            "advance": payouts.advance,
        },
        book=book,
        collections={**COLLECTIONS, KEYS: (), BALANCES: ()},
        seed=balances.seed,
        desk=_desk(simulation, takings, payouts),
    )


def _payment_operations(keys: Keys, payments: Payments, takings: Takings) -> tuple[Operation, ...]:
    intents = "/v1/payment_intents"
    return (
        Operation("create_payment_intent", "POST", intents, keys.once(payments.create_payment_intent)),
        Operation("list_payment_intents", "GET", intents, payments.list_payment_intents),
        Operation("get_payment_intent", "GET", f"{intents}/{{id}}", payments.get_payment_intent),
        Operation(
            "confirm_payment_intent", "POST", f"{intents}/{{id}}/confirm", keys.once(payments.confirm_payment_intent)
        ),
        Operation(
            "cancel_payment_intent", "POST", f"{intents}/{{id}}/cancel", keys.once(payments.cancel_payment_intent)
        ),
        Operation("get_charge", "GET", "/v1/charges/{id}", payments.get_charge),
        Operation("create_refund", "POST", "/v1/refunds", keys.once(takings.create_refund)),
        Operation("list_refunds", "GET", "/v1/refunds", takings.list_refunds),
        Operation("get_refund", "GET", "/v1/refunds/{id}", takings.get_refund),
        Operation("list_disputes", "GET", "/v1/disputes", takings.list_disputes),
        Operation("get_dispute", "GET", "/v1/disputes/{id}", takings.get_dispute),
    )


def _connect_operations(keys: Keys, connect: Connect, payouts: Payouts) -> tuple[Operation, ...]:
    cards, transfer = "/v1/accounts/{id}/external_accounts", "/v1/transfers/{id}"
    return (
        Operation("create_account", "POST", "/v1/accounts", keys.once(connect.create_account)),
        Operation("list_accounts", "GET", "/v1/accounts", connect.list_accounts),
        Operation("get_account", "GET", "/v1/accounts/{id}", connect.get_account),
        Operation("update_account", "POST", "/v1/accounts/{id}", keys.once(connect.update_account)),
        Operation("create_external_account", "POST", cards, keys.once(connect.create_external_account)),
        Operation("list_external_accounts", "GET", cards, connect.list_external_accounts),
        Operation("get_external_account", "GET", f"{cards}/{{card_id}}", connect.get_external_account),
        Operation("create_transfer", "POST", "/v1/transfers", keys.once(connect.create_transfer)),
        Operation("list_transfers", "GET", "/v1/transfers", connect.list_transfers),
        Operation("get_transfer", "GET", transfer, connect.get_transfer),
        Operation("create_transfer_reversal", "POST", f"{transfer}/reversals", keys.once(connect.create_reversal)),
        Operation("list_transfer_reversals", "GET", f"{transfer}/reversals", connect.list_reversals),
        Operation("create_payout", "POST", "/v1/payouts", keys.once(payouts.create_payout)),
        Operation("list_payouts", "GET", "/v1/payouts", payouts.list_payouts),
        Operation("get_payout", "GET", "/v1/payouts/{id}", payouts.get_payout),
        Operation("cancel_payout", "POST", "/v1/payouts/{id}/cancel", keys.once(payouts.cancel_payout)),
    )


def _desk(simulation: Simulation, takings: Takings, payouts: Payouts) -> APIRouter:
    desk = APIRouter()

    @desk.post("/dispute", status_code=201)
    async def dispute_payment(body: DisputeRequest) -> dict[str, Any]:
        async def work() -> dict[str, Any]:
            if body.close is not None:
                return await takings.close_dispute(body.payment_intent_id, body.close)
            return await takings.dispute(body.payment_intent_id)

        disputed = await simulation.store.atomically(work)
        return {"dispute_id": disputed["id"], "status": disputed["status"]}

    @desk.post("/fail-payout")
    async def fail_payout(body: FailureRequest) -> dict[str, Any]:
        failed = await simulation.store.atomically(lambda: payouts.fail(body.payout_id, body.failure_code))
        return {"payout_id": failed["id"], "status": failed["status"]}

    return desk


def _declined(call: Call) -> Any:
    if call.operation in {"create_transfer", "create_payout", "create_transfer_reversal"}:
        return refusal(400, "balance_insufficient", "You have insufficient available funds in your account.")
    return refusal(402, "card_declined", "Your card was declined.", kind="card_error", decline_code="generic_decline")


def _public(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "client_secret"}


def _authenticate(call: Call) -> None:
    """A bearer, or basic with the key as the user's name; a customer's app only where customers have business."""
    scheme, _, token = call.header("authorization").partition(" ")
    if scheme.lower() == "basic":
        token = _user_of(token)
    if scheme.lower() not in {"bearer", "basic"} or not token.strip():
        raise refusal(401, None, "You did not provide an API key.")
    if is_publishable(call) and call.operation not in _FOR_CUSTOMERS:
        raise refusal(401, "secret_key_required", "This API call cannot be made with a publishable API key.")


def _user_of(credentials: str) -> str:
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""
