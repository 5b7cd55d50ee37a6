"""What is taken back of a charge: refunds by us, disputes by the cardholder's bank."""

from typing import Any

from app.sandbox.simulation import Simulation
from app.sandbox.stripe.balances import Balances
from app.sandbox.stripe.events import Events
from app.sandbox.stripe.objects import Object, Objects
from app.sandbox.stripe.wire import amount_in, form_of, invalid, metadata_in, refusal
from app.sandbox.vendor import Answer, Call

DISPUTE_FEE = 15_00


class Takings:
    """Refunds and disputes."""

    def __init__(self, simulation: Simulation, objects: Objects, balances: Balances, events: Events) -> None:
        self._simulation = simulation
        self._objects = objects
        self._balances = balances
        self._events = events

    async def create_refund(self, call: Call) -> Answer:
        fields = form_of(call, "charge", "payment_intent", "amount", "reason", "metadata")
        charge = await self._charge_of(fields)
        left = charge["amount"] - charge["amount_refunded"]
        if not left:
            raise refusal(400, "charge_already_refunded", "The charge has already been refunded.")
        if charge["disputed"]:
            raise refusal(400, "charge_disputed", "The charge has been charged back.")
        amount = amount_in(fields, default=left)
        if amount > left:
            raise invalid("amount", "The refund is greater than what is left.", "amount_too_large")
        return Answer(await self._refund(charge, amount, metadata_in(fields)))

    async def get_refund(self, call: Call) -> Answer:
        return Answer(await self._objects.get("refund", call.path("id")))

    async def list_refunds(self, call: Call) -> Answer:
        filters = {"charge": "shown.charge", "payment_intent": "shown.payment_intent"}
        return await self._objects.listed(call, "refund", filters=filters)

    async def list_disputes(self, call: Call) -> Answer:
        filters = {"charge": "shown.charge", "payment_intent": "shown.payment_intent"}
        return await self._objects.listed(call, "dispute", filters=filters)

    async def get_dispute(self, call: Call) -> Answer:
        return Answer(await self._objects.get("dispute", call.path("id")))

    async def refund(self, payment_id: str) -> None:
        """Refund a payment in full, unless it is."""

        async def work() -> None:
            charge = await self._charge_of({"payment_intent": payment_id})
            if left := charge["amount"] - charge["amount_refunded"]:
                await self._refund(charge, left, {})

        await self._simulation.store.atomically(work)

    async def dispute_later(self, payment_id: str) -> None:
        """The cardholder's bank disputes a payment, unless it has."""

        async def work() -> None:
            charge = await self._charge_of({"payment_intent": payment_id})
            if not charge["disputed"]:
                await self.dispute(payment_id)

        await self._simulation.store.atomically(work)

    async def dispute(self, payment_id: str) -> Object:
        """The cardholder's bank takes the charge back, and a fee with it."""
        charge = await self._charge_of({"payment_intent": payment_id})
        if charge["disputed"]:
            raise refusal(400, "charge_disputed", "The charge has been disputed.")
        amount = charge["amount"] - charge["amount_refunded"]
        made = await self._objects.make(
            "dispute",
            {
                "amount": amount,
                "charge": charge["id"],
                "payment_intent": payment_id,
                "currency": charge["currency"],
                "metadata": {},
                "reason": "fraudulent",
                "status": "needs_response",
                "balance_transactions": [],
            },
        )
        taken = await self._balances.move("adjustment", made["id"], -amount, fee=DISPUTE_FEE)
        made["balance_transactions"] = [taken]
        await self._objects.keep(made)
        await self._objects.keep({**charge, "disputed": True})
        await self._events.tell("charge.dispute.created", made)
        await self._events.tell("charge.dispute.funds_withdrawn", made)
        return made

    async def close_dispute(self, payment_id: str, status: str) -> Object:
        """The dispute is won, and the money comes back without the fee, or it is lost."""
        found = await self._objects.all_of("dispute", {"shown.payment_intent": payment_id})
        if not found or found[0]["status"] in {"won", "lost"}:
            raise refusal(400, "resource_missing", "There is no open dispute of this payment.")
        dispute = {**found[0], "status": status}
        if status == "won":
            given = await self._balances.move("adjustment", dispute["id"], dispute["amount"])
            dispute["balance_transactions"] = [*dispute["balance_transactions"], given]
        await self._objects.keep(dispute)
        await self._events.tell("charge.dispute.closed", dispute)
        if status == "won":
            await self._events.tell("charge.dispute.funds_reinstated", dispute)
        return dispute

    async def _refund(self, charge: Object, amount: int, metadata: dict[str, str]) -> Object:
        made = await self._objects.make(
            "refund",
            {
                "amount": amount,
                "charge": charge["id"],
                "payment_intent": charge["payment_intent"],
                "currency": charge["currency"],
                "metadata": metadata,
                "status": "succeeded",
            },
        )
        await self._balances.move("refund", made["id"], -amount)
        refunded = charge["amount_refunded"] + amount
        charge |= {"amount_refunded": refunded, "refunded": refunded == charge["amount"]}
        await self._objects.keep(charge)
        await self._events.tell("charge.refunded", charge)
        return made

    async def _charge_of(self, fields: dict[str, Any]) -> Object:
        if fields.get("charge"):
            return await self._objects.get("charge", fields["charge"], status=400)
        intent = await self._objects.get("payment_intent", str(fields.get("payment_intent", "")), status=400)
        if not intent["latest_charge"]:
            raise refusal(400, "resource_missing", "This payment has no successful charge.")
        return await self._objects.get("charge", intent["latest_charge"])
