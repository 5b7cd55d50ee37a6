"""Unit, put together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.simulation import Simulation
from app.sandbox.unit.applications import APPLICATIONS, CUSTOMERS, Applications
from app.sandbox.unit.bank import ACCOUNTS, TRANSACTIONS, Bank
from app.sandbox.unit.book_payments import BookPayments
from app.sandbox.unit.card_use import ANSWER_S_MAX, AUTHORIZATIONS, REQUESTS, CardUse
from app.sandbox.unit.cards import CARDS, Cards
from app.sandbox.unit.counterparties import COUNTERPARTIES, Counterparties
from app.sandbox.unit.deposit_accounts import DepositAccounts
from app.sandbox.unit.events import EVENTS, Events, joined
from app.sandbox.unit.jsonapi import MEDIA_TYPE, refusal
from app.sandbox.unit.keys import KEYS as OTHER_KEYS
from app.sandbox.unit.keys import Keys
from app.sandbox.unit.lifecycle import PAYMENTS, Lifecycle
from app.sandbox.unit.payments import KEYS, RETURN_REASON_DEFAULT, Payments
from app.sandbox.vendor import Answer, Call, Operation, Refusal, Vendor
from app.sandbox.webhooks import Sender

_COLLECTIONS: Mapping[str, Sequence[str]] = {
    ACCOUNTS: ("tag_pairs",),
    APPLICATIONS: ("tag_pairs",),
    CUSTOMERS: (),
    CARDS: ("tag_pairs",),
    REQUESTS: (),
    AUTHORIZATIONS: (),
    OTHER_KEYS: (),
    TRANSACTIONS: ("created_at", "tag_pairs"),
    PAYMENTS: ("created_at", "tag_pairs"),
    KEYS: (),
    EVENTS: ("created_at",),
    COUNTERPARTIES: (),
}
"""What is kept, and by what it is found."""

_CODES = {404: "not_found", 413: "payload_too_large", 429: "too_many_requests"}


class CardRequest(BaseModel):
    """A merchant asks for so many cents. Not ``linked``: the authorization will not name the request.

    ``by_event``: the wallet is asked by a webhook, and answers in a call within ``answer_s``.
    """

    model_config = ConfigDict(extra="forbid")

    card_id: str
    amount: int = Field(ge=0)
    linked: bool = True
    by_event: bool = False
    answer_s: float = Field(default=ANSWER_S_MAX, gt=0, le=86_400)


class ClearingRequest(BaseModel):
    """A merchant takes so many cents for good, or gives them back (``Credit``); without an authorization too."""

    model_config = ConfigDict(extra="forbid")

    card_id: str
    amount: int = Field(gt=0)
    authorization_id: str | None = None
    direction: Literal["Debit", "Credit"] = "Debit"


class CancelRequest(BaseModel):
    """A merchant gives an authorization up, or it expires."""

    model_config = ConfigDict(extra="forbid")

    authorization_id: str


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
    keys = Keys(simulation)
    book_payments = BookPayments(simulation, bank, events, keys)
    applications = Applications(simulation, events, keys)
    accounts = DepositAccounts(simulation, events, keys, applications)
    cards = Cards(simulation, bank, events, keys)
    card_use = CardUse(simulation, bank, cards, events)

    async def create_payment(call: Call) -> Answer:
        return await (book_payments if _kind_of(call) == "bookPayment" else payments).create_payment(call)

    async def book() -> dict[str, Any]:
        return {**await payments.book(), **await applications.book(), **await card_use.book()}

    return Vendor(
        name="unit",
        operations=(
            *_payment_operations(payments, create_payment),
            *_customer_operations(applications, accounts),
            *_card_operations(cards, card_use),
            *_bank_operations(bank, counterparties, events),
        ),
        refuse=lambda status, detail: refusal(status, _CODES.get(status, "internal_error"), detail),
        decline=lambda _call: refusal(400, "payment_invalid", "the request was declined"),
        authenticate=_authenticate,
        idempotency_key=lambda call: call.json()["data"]["attributes"].get("idempotencyKey"),
        media_type=MEDIA_TYPE,
        sender=Sender(f"{simulation.config.api_url}/webhooks/unit", MEDIA_TYPE, events.sign, joined),
        moves={"advance": lifecycle.advance, "ask": card_use.ask, "lapse": card_use.lapse},
        book=book,
        collections=_COLLECTIONS,
        seed=bank.seed,
        desk=_desk(simulation, payments, card_use),
    )


def _payment_operations(payments: Payments, create: Callable[[Call], Awaitable[Answer]]) -> tuple[Operation, ...]:
    return (
        Operation("create_payment", "POST", "/payments", create, declines=True),
        Operation("list_payments", "GET", "/payments", payments.list_payments),
        Operation("get_payment", "GET", "/payments/{id}", payments.get_payment),
        Operation("cancel_payment", "POST", "/payments/{id}/cancel", payments.cancel_payment),
        Operation("transmit_payment", "POST", "/sandbox/ach/transmit", payments.transmit),
        Operation("clear_payment", "POST", "/sandbox/ach/clear", payments.clear),
        Operation("return_payment", "POST", "/sandbox/ach/return", payments.return_by_call),
    )


def _bank_operations(bank: Bank, counterparties: Counterparties, events: Events) -> tuple[Operation, ...]:
    return (
        Operation("create_counterparty", "POST", "/counterparties", counterparties.create_counterparty),
        Operation("list_counterparties", "GET", "/counterparties", counterparties.list_counterparties),
        Operation("get_counterparty", "GET", "/counterparties/{id}", counterparties.get_counterparty),
        Operation("get_account", "GET", "/accounts/{id}", bank.get_account),
        Operation("get_transaction", "GET", "/accounts/{account_id}/transactions/{id}", bank.get_transaction),
        Operation("list_transactions", "GET", "/transactions", bank.list_transactions),
        Operation("list_events", "GET", "/events", events.list_events),
        Operation("get_event", "GET", "/events/{id}", events.get_event),
    )


def _customer_operations(applications: Applications, accounts: DepositAccounts) -> tuple[Operation, ...]:
    one = "/accounts/{id}"
    return (
        Operation("create_application", "POST", "/applications", applications.create_application, declines=True),
        Operation("list_applications", "GET", "/applications", applications.list_applications),
        Operation("get_application", "GET", "/applications/{id}", applications.get_application),
        Operation(
            "approve_application", "POST", "/sandbox/applications/{id}/approve", applications.approve_application
        ),
        Operation("deny_application", "POST", "/sandbox/applications/{id}/deny", applications.deny_application),
        Operation("list_customers", "GET", "/customers", applications.list_customers),
        Operation("get_customer", "GET", "/customers/{id}", applications.get_customer),
        Operation("create_account", "POST", "/accounts", accounts.create_account),
        Operation("list_accounts", "GET", "/accounts", accounts.list_accounts),
        Operation("freeze_account", "POST", f"{one}/freeze", accounts.freeze_account),
        Operation("unfreeze_account", "POST", f"{one}/unfreeze", accounts.unfreeze_account),
        Operation("close_account", "POST", f"{one}/close", accounts.close_account),
    )


def _card_operations(cards: Cards, card_use: CardUse) -> tuple[Operation, ...]:
    request_path, one = "/sandbox/authorization-requests/purchase", "/authorization-requests/{id}"
    return (
        Operation("create_card", "POST", "/cards", cards.create_card),
        Operation("list_cards", "GET", "/cards", cards.list_cards),
        Operation("get_card", "GET", "/cards/{id}", cards.get_card),
        Operation("freeze_card", "POST", "/cards/{id}/freeze", cards.freeze_card),
        Operation("unfreeze_card", "POST", "/cards/{id}/unfreeze", cards.unfreeze_card),
        Operation("close_card", "POST", "/cards/{id}/close", cards.close_card),
        Operation("request_purchase", "POST", request_path, card_use.request_purchase),
        Operation("get_authorization", "GET", "/authorizations/{id}", card_use.get_authorization),
        Operation("get_authorization_request", "GET", one, card_use.get_request),
        Operation("approve_authorization_request", "POST", f"{one}/approve", card_use.approve),
        Operation("decline_authorization_request", "POST", f"{one}/decline", card_use.decline),
    )


def _kind_of(call: Call) -> object:
    """The type of the posted resource; None for a body that the operation will refuse."""
    try:
        return call.json()["data"]["type"]
    except (ValueError, LookupError, TypeError):
        return None


def _desk(simulation: Simulation, payments: Payments, card_use: CardUse) -> APIRouter:
    desk = APIRouter()

    @desk.post("/card-request", status_code=201)
    async def request_card(body: CardRequest) -> dict[str, Any]:
        answer_s = body.answer_s if body.by_event else None
        asked = await simulation.store.atomically(
            lambda: card_use.begin(body.card_id, body.amount, linked=body.linked, call_within_s=answer_s)
        )
        return {"request_id": asked["_id"]}

    @desk.post("/card-clearing", status_code=201)
    async def clear_card(body: ClearingRequest) -> dict[str, Any]:
        cleared = await simulation.store.atomically(
            lambda: card_use.clear(body.card_id, body.amount, body.authorization_id, body.direction)
        )
        return {"transaction_id": cleared["_id"]}

    @desk.post("/card-cancel")
    async def cancel_card(body: CancelRequest) -> dict[str, Any]:
        canceled = await simulation.store.atomically(lambda: card_use.cancel(body.authorization_id))
        return {"authorization_id": canceled["_id"], "status": canceled["status"]}

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
