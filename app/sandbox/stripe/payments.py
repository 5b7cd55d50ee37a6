"""PaymentIntents: created by the wallet, confirmed by the customer's side, charged at once."""

from typing import Any

from app.sandbox.simulation import Simulation
from app.sandbox.stripe.balances import Balances
from app.sandbox.stripe.events import Events
from app.sandbox.stripe.fates import AUTHENTICATING, DECLINING, DISPUTED, PAYING, PAYMENT_FATES
from app.sandbox.stripe.objects import Object, Objects
from app.sandbox.stripe.wire import (
    AMOUNT_MIN,
    amount_in,
    currency_in,
    form_of,
    invalid,
    listed_in,
    metadata_in,
    missing,
    query_of,
    refusal,
    text_in,
)
from app.sandbox.vendor import Answer, Call, Refusal

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
_CREATE = ("amount", "currency", "payment_method_types", "automatic_payment_methods", "capture_method", "metadata")
_ALSO = ("payment_method", "confirm", "description", "customer", "off_session", "error_on_requires_action")
_REASONS = frozenset({"", "abandoned", "duplicate", "fraudulent", "requested_by_customer"})
_EXPANSIONS = frozenset({"latest_charge", "latest_charge.balance_transaction"})


class Payments:
    """The payments and their charges."""

    def __init__(self, simulation: Simulation, objects: Objects, balances: Balances, events: Events) -> None:
        self._simulation = simulation
        self._objects = objects
        self._balances = balances
        self._events = events

    async def create_payment_intent(self, call: Call) -> Answer:
        fields = form_of(call, *_CREATE, *_ALSO)
        amount = amount_in(fields, at_least=AMOUNT_MIN)
        if fields.get("capture_method", "automatic") not in {"automatic", "automatic_async"}:
            raise invalid("capture_method", "The simulator captures at once.")
        types = listed_in(fields.get("payment_method_types")) or ["card"]
        intent = await self._objects.make(
            "payment_intent",
            {
                "amount": amount,
                "amount_received": 0,
                "currency": currency_in(fields),
                "capture_method": fields.get("capture_method", "automatic_async"),
                "confirmation_method": "automatic",
                "payment_method_types": types,
                "payment_method": fields.get("payment_method"),
                "metadata": metadata_in(fields),
                "status": "requires_confirmation" if fields.get("payment_method") else "requires_payment_method",
                "last_payment_error": None,
                "next_action": None,
                "latest_charge": None,
                "canceled_at": None,
                "cancellation_reason": None,
            },
        )
        intent["client_secret"] = f"{intent['id']}_secret_{await self._simulation.new_hex('secret', 24)}"
        await self._objects.keep(intent)
        await self._events.tell("payment_intent.created", intent, key=call.header("idempotency-key"))
        if fields.get("confirm") == "true":
            return await self._confirm(intent, text_in(fields, "payment_method"))
        if not fields.get("payment_method") and _fate(intent) != "left":
            await self._simulation.agenda.add("stripe", "pay", intent["id"], after_s=self._simulation.config.pace_s)
        return Answer(intent)

    async def confirm_payment_intent(self, call: Call) -> Answer:
        fields = form_of(call, "payment_method", "client_secret", "return_url", "off_session")
        intent = await self._objects.get("payment_intent", call.path("id"))
        require_secret(call, intent, fields.get("client_secret"))
        method = fields.get("payment_method") or intent["payment_method"]
        if not method:
            raise refusal(400, "parameter_missing", "A payment method is needed.", param="payment_method")
        return await self._confirm(intent, method)

    async def cancel_payment_intent(self, call: Call) -> Answer:
        fields = form_of(call, "cancellation_reason")
        intent = await self._objects.get("payment_intent", call.path("id"))
        if fields.get("cancellation_reason", "") not in _REASONS:
            raise invalid("cancellation_reason", "Invalid cancellation_reason.")
        if intent["status"] not in CONFIRMABLE:
            raise unexpected(intent, "cancel")
        intent |= {
            "status": "canceled",
            "canceled_at": self._objects.now(),
            "cancellation_reason": fields.get("cancellation_reason"),
            "next_action": None,
        }
        await self._objects.keep(intent)
        await self._events.tell("payment_intent.canceled", intent, key=call.header("idempotency-key"))
        return Answer(intent)

    async def get_payment_intent(self, call: Call) -> Answer:
        intent = await self._objects.get("payment_intent", call.path("id"))
        require_secret(call, intent, call.query("client_secret"))
        expanded = set(listed_in(query_of(call).get("expand")))
        if not expanded <= _EXPANSIONS:
            raise invalid("expand", "This property cannot be expanded.")
        if expanded and intent["latest_charge"]:
            charge = await self._objects.get("charge", intent["latest_charge"])
            if "latest_charge.balance_transaction" in expanded and charge["balance_transaction"]:
                moved = await self._objects.get("balance_transaction", charge["balance_transaction"])
                charge = {**charge, "balance_transaction": moved}
            return Answer({**intent, "latest_charge": charge})
        return Answer(intent)

    async def list_payment_intents(self, call: Call) -> Answer:
        return await self._objects.listed(call, "payment_intent", filters={"customer": "shown.customer"})

    async def get_charge(self, call: Call) -> Answer:
        return Answer(await self._objects.get("charge", call.path("id")))

    async def pay(self, payment_id: str) -> None:
        """What the customer's side does by itself; nothing when somebody was faster."""
        await self._simulation.store.atomically(lambda: self._pay(payment_id))

    async def _pay(self, payment_id: str) -> None:
        intent = await self._objects.find("payment_intent", payment_id)
        if intent is None or intent["status"] not in CONFIRMABLE:
            return
        if intent["status"] == "requires_action":
            await self._succeed(intent)
            return
        methods = {"declined": "pm_card_chargeDeclined", "authenticated": "pm_card_authenticationRequired"}
        if intent["last_payment_error"] is None:
            await self._confirm(intent, methods.get(_fate(intent) or "", "pm_card_visa"))

    async def _confirm(self, intent: Object, method: str) -> Answer:
        if intent["status"] not in CONFIRMABLE:
            raise unexpected(intent, "confirm")
        if method not in PAYING | AUTHENTICATING | DISPUTED | DECLINING.keys():
            raise missing("PaymentMethod", method, status=400)
        intent["payment_method"] = method
        if method in DECLINING:
            return await self._decline(intent, method)
        if method in AUTHENTICATING:
            intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}
            await self._objects.keep(intent)
            await self._events.tell("payment_intent.requires_action", intent)
            await self._simulation.agenda.add("stripe", "pay", intent["id"], after_s=self._simulation.config.pace_s)
            return Answer(intent)
        return Answer(await self._succeed(intent))

    async def _decline(self, intent: Object, method: str) -> Answer:
        """The answer is 402, and what became of the payment is kept all the same."""
        code, decline_code = DECLINING[method]
        error = {"type": "card_error", "code": code, "decline_code": decline_code, "message": "Your card was declined."}
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
        await self._objects.keep(intent)
        await self._events.tell("payment_intent.payment_failed", intent)
        return Answer({"error": {**error, "param": None, "payment_intent": intent}}, 402)

    async def _succeed(self, intent: Object) -> Object:
        amount = intent["amount"]
        charge = await self._objects.make(
            "charge",
            {
                "amount": amount,
                "amount_refunded": 0,
                "balance_transaction": None,
                "currency": intent["currency"],
                "disputed": False,
                "metadata": intent["metadata"],
                "paid": True,
                "payment_intent": intent["id"],
                "refunded": False,
                "status": "succeeded",
            },
        )
        intent |= {
            "status": "succeeded",
            "amount_received": amount,
            "latest_charge": charge["id"],
            "next_action": None,
            "last_payment_error": None,
        }
        await self._objects.keep(intent)
        later = intent["capture_method"] == "automatic_async"
        if later:
            await self._simulation.agenda.add("stripe", "settle", charge["id"], after_s=self._simulation.config.pace_s)
        else:
            charge = await self._settle(charge)
        await self._events.tell("charge.succeeded", charge)
        await self._events.tell("payment_intent.succeeded", intent)
        await self._let_fate_take_its_course(intent)
        return intent

    async def settle(self, charge_id: str) -> None:
        """What an asynchronous capture brings, a little later."""
        await self._simulation.store.atomically(lambda: self._settle_later(charge_id))

    async def _settle_later(self, charge_id: str) -> None:
        charge = await self._objects.find("charge", charge_id)
        if charge is not None and charge["balance_transaction"] is None:
            await self._events.tell("charge.updated", await self._settle(charge))

    async def _settle(self, charge: Object) -> Object:
        """The money is in our balance, less 2.9 % and 30 cents."""
        fee = (charge["amount"] * 29 + 500) // 1000 + 30
        moved = await self._balances.move("charge", charge["id"], charge["amount"], fee=fee)
        charge["balance_transaction"] = moved["id"]
        await self._objects.keep(charge)
        return charge

    async def _let_fate_take_its_course(self, intent: Object) -> None:
        fate = "disputed" if intent["payment_method"] in DISPUTED else _fate(intent)
        if fate in {"disputed", "refunded"}:
            move = "dispute" if fate == "disputed" else "refund"
            after_s = 4 * self._simulation.config.pace_s
            await self._simulation.agenda.add("stripe", move, intent["id"], after_s=after_s)


def _fate(intent: Object) -> str | None:
    return PAYMENT_FATES.get(intent["amount"] % 100, (None, ""))[0]


def is_publishable(call: Call) -> bool:
    """Whether the call comes from a customer's app."""
    return call.header("authorization").partition(" ")[2].startswith("pk_")


def require_secret(call: Call, intent: Object, given: Any) -> None:
    """A customer's app reaches a payment only by its secret. Raises Refusal."""
    if (given or is_publishable(call)) and given != intent["client_secret"]:
        raise refusal(400, "payment_intent_invalid_parameter", "The client_secret is not this payment's.")


def unexpected(intent: Object, verb: str) -> Refusal:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    return refusal(400, "payment_intent_unexpected_state", message, payment_intent=intent)
