"""Payments as Unit's customers see them: make, read, list, cancel; and the sandbox's own pushes."""

from datetime import timedelta
from typing import Any

from app.clock import rfc3339
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.bank import Bank
from app.sandbox.unit.counterparties import Counterparties
from app.sandbox.unit.fates import fate_of
from app.sandbox.unit.jsonapi import listed, order_of, page_of, query_of, refusal, tag_pairs, to_one
from app.sandbox.unit.lifecycle import NEXT, PAYMENTS, RETURNABLE, Lifecycle
from app.sandbox.unit.requests import PaymentRequest, payment_request, related, resource_of
from app.sandbox.vendor import Answer, Call

KEYS = "unit_idempotency_keys"
KEY_LIFETIME = timedelta(hours=48)
RETURN_REASON_DEFAULT = "InsufficientFunds"
_FILTERS = {
    "accountId": "account_id",
    "customerId": "customer_id",
    "status": "status",
    "type": "type",
    "direction": "direction",
}


class Payments:
    """ACH payments."""

    def __init__(
        self, simulation: Simulation, bank: Bank, counterparties: Counterparties, lifecycle: Lifecycle
    ) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._bank = bank
        self._counterparties = counterparties
        self._lifecycle = lifecycle

    async def create_payment(self, call: Call) -> Answer:
        request = payment_request(call)
        if (original := await self._made_with(request.idempotency_key)) is not None:
            return Answer({"data": shown(original)}, 201)
        account = await self._bank.account(request.account_id, "/data/relationships/account")
        counterparty, link = await self._counterparties.behind(request)
        reason = "InsufficientFunds" if call.declined else _reject_reason(request, account, link)
        payment = await self._new(request, account, counterparty, reason)
        await self._lifecycle.begin(payment)
        if request.idempotency_key is not None:
            await self._store.put(
                KEYS,
                {"_id": request.idempotency_key, "payment_id": payment["_id"], "at": self._simulation.clock.now()},
            )
        return Answer({"data": shown(payment)}, 201)

    async def get_payment(self, call: Call) -> Answer:
        return Answer({"data": shown(await self._payment(call.path("id")))})

    async def list_payments(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, _FILTERS)
        found = await self._store.find(PAYMENTS, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(PAYMENTS, query)
        return listed([shown(payment) for payment in found], limit=limit, offset=offset, total=total)

    async def cancel_payment(self, call: Call) -> Answer:
        payment = await self._payment(call.path("id"))
        if payment["status"] != "Pending":
            raise refusal(400, "payment_invalid", f"a payment that is {payment['status']} cannot be canceled")
        return Answer({"data": shown(await self._lifecycle.move(payment, "Canceled"))})

    async def transmit(self, call: Call) -> Answer:
        return await self._push(call, "transmitAchPayment", "Pending")

    async def clear(self, call: Call) -> Answer:
        return await self._push(call, "clearAchPayment", "Clearing")

    async def return_by_call(self, call: Call) -> Answer:
        attributes, relationships = resource_of(call, "returnAchPayment")
        reason = str(attributes.get("reason", RETURN_REASON_DEFAULT))
        return Answer({"data": shown(await self.give_back(related(relationships, "payment") or "", reason))})

    async def give_back(self, payment_id: str, reason: str) -> Document:
        """Return a payment that is Clearing or Sent. Raises Refusal."""
        payment = await self._payment(payment_id)
        if payment["status"] not in RETURNABLE:
            raise refusal(400, "payment_invalid", f"a payment that is {payment['status']} cannot be returned")
        return await self._lifecycle.give_back(payment, reason)

    async def book(self) -> dict[str, Any]:
        payments = await self._store.find(PAYMENTS, {}, sort=(("created_at", 1), ("_id", 1)), limit=100_000)
        fields = ("direction", "amount", "status", "tags", "reason")
        return {"payments": [{"id": item["_id"], **{name: item[name] for name in fields}} for item in payments]}

    async def _push(self, call: Call, kind: str, expected: str) -> Answer:
        _, relationships = resource_of(call, kind)
        payment = await self._payment(related(relationships, "payment") or "")
        if payment["status"] != expected:
            raise refusal(400, "payment_invalid", f"the payment is {payment['status']}, not {expected}")
        following = NEXT[payment["status"], payment["direction"]]
        return Answer({"data": shown(await self._lifecycle.move(payment, following))})

    async def _payment(self, key: str) -> Document:
        payment = await self._store.get(PAYMENTS, key)
        if payment is None:
            raise refusal(404, "not_found", "there is no such payment")
        return payment

    async def _made_with(self, key: str | None) -> Document | None:
        """The payment this key made less than 48 hours ago; an older key counts as new."""
        used = await self._store.get(KEYS, key) if key is not None else None
        if used is None or self._simulation.clock.now() - used["at"] >= KEY_LIFETIME:
            return None
        return await self._store.get(PAYMENTS, used["payment_id"])

    async def _new(
        self, request: PaymentRequest, account: Document, counterparty: dict[str, Any], reason: str | None
    ) -> Document:
        fate = fate_of(request.direction, request.amount)
        born = "PendingReview" if fate is not None and fate.what == "reviewed" else "Pending"
        return {
            "_id": str(await self._store.next_number()),
            "type": "achPayment",
            "status": "Rejected" if reason else born,
            "reason": reason,
            "fate": fate and fate.what,
            "fate_reason": fate and fate.reason,
            "direction": request.direction,
            "amount": request.amount,
            "description": request.description,
            "counterparty": counterparty,
            "counterparty_id": request.counterparty_id,
            "extra": request.extra,
            "tags": request.tags,
            "tag_pairs": tag_pairs(request.tags),
            "account_id": request.account_id,
            "customer_id": account["customer_id"],
            "created_at": self._simulation.clock.now(),
        }


def _reject_reason(request: PaymentRequest, account: Document, link: Document | None) -> str | None:
    """Why the vendor rejects the payment with a 201, or None."""
    fate = fate_of(request.direction, request.amount)
    if fate is not None and fate.what == "rejected":
        return fate.reason
    if request.direction == "Credit" and account["balance"] < request.amount:
        return "InsufficientFunds"
    if link is None:
        return None
    if link["login_required"]:
        return "PlaidLoginRequired"
    if request.verify_balance and link["account"]["available_cents"] < request.amount:
        return "CounterpartyInsufficientFunds"
    return None


def shown(payment: Document) -> dict[str, Any]:
    """The payment as a resource. The vendor's SDK insists on ``counterparty`` and ``sameDay`` of an ACH payment."""
    attributes = {
        "createdAt": rfc3339(payment["created_at"]),
        "status": payment["status"],
        "direction": payment["direction"],
        "amount": payment["amount"],
        "description": payment["description"],
        "tags": dict(payment["tags"]),
        **payment["extra"],
    }
    if payment["type"] == "achPayment":
        attributes.setdefault("sameDay", False)
        attributes["counterparty"] = dict(payment["counterparty"])
        attributes["settlementDate"] = (payment["created_at"] + timedelta(days=1)).date().isoformat()
        attributes["expectedCompletionDate"] = (payment["created_at"] + timedelta(days=3)).date().isoformat()
    if payment["reason"] is not None:
        attributes["reason"] = payment["reason"]
    relationships = {
        "account": to_one("depositAccount", payment["account_id"]),
        "customer": to_one("customer", payment["customer_id"]),
    }
    if "counterparty_account_id" in payment:
        relationships["counterpartyAccount"] = to_one("depositAccount", payment["counterparty_account_id"])
    if payment["counterparty_id"] is not None:
        relationships["counterparty"] = to_one("counterparty", payment["counterparty_id"])
    return {"type": payment["type"], "id": payment["_id"], "attributes": attributes, "relationships": relationships}
