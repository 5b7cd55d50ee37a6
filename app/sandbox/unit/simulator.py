"""Unit, put together."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.sandbox.simulation import Simulation
from app.sandbox.unit.bank import ACCOUNTS, TRANSACTIONS, Bank
from app.sandbox.unit.counterparties import COUNTERPARTIES, Counterparties
from app.sandbox.unit.events import EVENTS, Events
from app.sandbox.unit.jsonapi import MEDIA_TYPE, refusal
from app.sandbox.unit.lifecycle import PAYMENTS, Lifecycle
from app.sandbox.unit.payments import KEYS, RETURN_REASON_DEFAULT, Payments
from app.sandbox.vendor import Call, Operation, Refusal, Vendor
from app.sandbox.webhooks import Sender

_CODES = {404: "not_found", 413: "payload_too_large", 429: "too_many_requests"}


class ReturnRequest(BaseModel):
    """A return of a payment that is Clearing or Sent."""

    model_config = ConfigDict(extra="forbid")

    payment_id: str
    reason: str = RETURN_REASON_DEFAULT


def unit(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    bank, events = Bank(simulation), Events(simulation)
    counterparties = Counterparties(simulation)
    lifecycle = Lifecycle(simulation, bank, events)
    payments = Payments(simulation, bank, counterparties, lifecycle)
    return Vendor(
        name="unit",
        operations=(
            Operation("create_payment", "POST", "/payments", payments.create_payment, declines=True),
            Operation("list_payments", "GET", "/payments", payments.list_payments),
            Operation("get_payment", "GET", "/payments/{id}", payments.get_payment),
            Operation("cancel_payment", "POST", "/payments/{id}/cancel", payments.cancel_payment),
            Operation("create_counterparty", "POST", "/counterparties", counterparties.create_counterparty),
            Operation("list_counterparties", "GET", "/counterparties", counterparties.list_counterparties),
            Operation("get_counterparty", "GET", "/counterparties/{id}", counterparties.get_counterparty),
            Operation("get_account", "GET", "/accounts/{id}", bank.get_account),
            Operation("list_transactions", "GET", "/transactions", bank.list_transactions),
            Operation("list_events", "GET", "/events", events.list_events),
            Operation("get_event", "GET", "/events/{id}", events.get_event),
            Operation("transmit_payment", "POST", "/sandbox/ach/transmit", payments.transmit),
            Operation("clear_payment", "POST", "/sandbox/ach/clear", payments.clear),
            Operation("return_payment", "POST", "/sandbox/ach/return", payments.return_by_call),
        ),
        refuse=lambda status, detail: refusal(status, _CODES.get(status, "internal_error"), detail),
        decline=lambda _call: refusal(400, "payment_invalid", "the request was declined"),
        authenticate=_authenticate,
        idempotency_key=lambda call: call.json()["data"]["attributes"].get("idempotencyKey"),
        media_type=MEDIA_TYPE,
        sender=Sender(f"{simulation.config.api_url}/webhooks/unit", MEDIA_TYPE, events.sign),
        moves={"advance": lifecycle.advance},
        book=payments.book,
        collections={
            ACCOUNTS: (),
            TRANSACTIONS: ("created_at", "tag_pairs"),
            PAYMENTS: ("created_at", "tag_pairs"),
            KEYS: (),
            EVENTS: ("created_at",),
            COUNTERPARTIES: (),
        },
        seed=bank.seed,
        desk=_desk(simulation, payments),
    )


def _desk(simulation: Simulation, payments: Payments) -> APIRouter:
    desk = APIRouter()

    @desk.post("/return")
    async def return_payment(body: ReturnRequest) -> dict[str, Any]:
        returned = await simulation.store.atomically(lambda: payments.give_back(body.payment_id, body.reason))
        return {"payment_id": returned["_id"], "status": returned["status"], "reason": returned["reason"]}

    return desk


def _authenticate(call: Call) -> None:
    scheme, _, token = call.header("authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized()


def _unauthorized() -> Refusal:
    return refusal(401, "unauthorized", "a bearer token is required")
