"""The life of an ACH payment: which status follows which, when, and what each step posts and tells.

Rejected | PendingReview -> Pending
Pending -> Canceled
Pending -> Clearing -> Sent        a Debit: the account is credited at Sent
Pending -> Sent                    a Credit: the account was debited at creation
Clearing | Sent -> Returned
"""

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.bank import Bank
from app.sandbox.unit.events import Events

PAYMENTS = "unit_payments"
NEXT = {
    ("PendingReview", "Debit"): "Pending",
    ("PendingReview", "Credit"): "Pending",
    ("Pending", "Debit"): "Clearing",
    ("Pending", "Credit"): "Sent",
    ("Clearing", "Debit"): "Sent",
}
_SHARE_OF_PACE = {("Pending", "Debit"): 0.5, ("Clearing", "Debit"): 0.5}
_EVENTS = {
    "PendingReview": "pendingReview",
    "Pending": "created",
    "Rejected": "rejected",
    "Clearing": "clearing",
    "Sent": "sent",
    "Returned": "returned",
    "Canceled": "canceled",
}
RETURNABLE = frozenset({"Clearing", "Sent"})


class Lifecycle:
    """Moves payments; every method belongs inside a transaction of the store."""

    def __init__(self, simulation: Simulation, bank: Bank, events: Events) -> None:
        self._simulation = simulation
        self._bank = bank
        self._events = events

    async def begin(self, payment: Document) -> None:
        """Store a new payment in the status it is born with."""
        await self._simulation.store.put(PAYMENTS, payment)
        if payment["status"] != "Rejected" and payment["direction"] == "Credit":
            await self._bank.post(payment, "originatedAchTransaction", "Debit")
        await self._events.tell(payment, _EVENTS[payment["status"]])
        if payment["status"] != "Rejected" and payment["fate"] != "stuck":
            await self._schedule(payment)

    async def advance(self, payment_id: str) -> None:
        """The next step of a payment's own way; nothing when it has none."""
        await self._simulation.store.atomically(lambda: self._advance(payment_id))

    async def _advance(self, payment_id: str) -> None:
        payment = await self._simulation.store.get(PAYMENTS, payment_id)
        if payment is None:
            return
        fate = (payment["status"], payment["fate"])
        if fate in {("Clearing", "returned_clearing"), ("Sent", "returned_sent")}:
            await self.give_back(payment, payment["fate_reason"])
        elif following := NEXT.get((payment["status"], payment["direction"])):
            await self.move(payment, following)

    async def move(self, payment: Document, status: str, reason: str | None = None) -> Document:
        """Put the payment in that status, post what the step moves, tell, and schedule the next step."""
        previous = payment["status"]
        moved = {**payment, "status": status, "reason": reason}
        await self._simulation.store.put(PAYMENTS, moved)
        if status == "Sent" and payment["direction"] == "Debit":
            await self._bank.post(moved, "originatedAchTransaction", "Credit")
        if status == "Canceled" and payment["direction"] == "Credit":
            await self._bank.post(moved, "originatedAchTransaction", "Credit")
        await self._events.tell(moved, _EVENTS[status], previous=previous)
        await self._schedule(moved)
        return moved

    async def give_back(self, payment: Document, reason: str) -> Document:
        """Return the payment; what it had posted is offset."""
        if payment["direction"] == "Credit":
            await self._bank.post(payment, "returnedAchTransaction", "Credit")
        elif payment["status"] == "Sent":
            await self._bank.post(payment, "returnedAchTransaction", "Debit")
        return await self.move(payment, "Returned", reason)

    async def _schedule(self, payment: Document) -> None:
        step = (payment["status"], payment["direction"])
        returns = payment["status"] == "Sent" and payment["fate"] == "returned_sent"
        if step in NEXT or returns:
            pace_s = self._simulation.config.pace_s * _SHARE_OF_PACE.get(step, 1.0)
            await self._simulation.agenda.add("unit", "advance", payment["_id"], after_s=pace_s)
