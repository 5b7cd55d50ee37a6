"""Book payments: money between two accounts of the bank itself, moved at once."""

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.bank import Bank
from app.sandbox.unit.events import Events
from app.sandbox.unit.jsonapi import tag_pairs
from app.sandbox.unit.keys import Keys
from app.sandbox.unit.lifecycle import PAYMENTS
from app.sandbox.unit.payments import shown
from app.sandbox.unit.requests import amount_of, related, resource_of, tags_of, text_of
from app.sandbox.vendor import Answer, Call

DESCRIPTION_CHARACTERS_MAX = 80


class BookPayments:
    """Payments inside the bank."""

    def __init__(self, simulation: Simulation, bank: Bank, events: Events, keys: Keys) -> None:
        self._simulation = simulation
        self._bank = bank
        self._events = events
        self._keys = keys

    async def create_payment(self, call: Call) -> Answer:
        attributes, relationships = resource_of(call, "bookPayment")
        key = text_of(attributes, "idempotencyKey", 255)
        if (earlier := await self._keys.made_with(PAYMENTS, key)) is not None:
            return Answer({"data": shown(earlier)}, 201)
        source = await self._bank.account(related(relationships, "account") or "", "/data/relationships/account")
        pointer = "/data/relationships/counterpartyAccount"
        target = await self._bank.account(related(relationships, "counterpartyAccount") or "", pointer)
        tags, amount = tags_of(attributes.get("tags")), amount_of(attributes.get("amount"))
        short = call.declined or source["balance"] < amount
        payment: Document = {
            "_id": str(await self._simulation.store.next_number()),
            "type": "bookPayment",
            "status": "Rejected" if short else "Sent",
            "reason": "InsufficientFunds" if short else None,
            "direction": "Credit",
            "amount": amount,
            "description": text_of(attributes, "description", DESCRIPTION_CHARACTERS_MAX, required=True),
            "counterparty": None,
            "counterparty_id": None,
            "counterparty_account_id": target["_id"],
            "extra": {},
            "tags": tags,
            "tag_pairs": tag_pairs(tags),
            "account_id": source["_id"],
            "customer_id": source["customer_id"],
            "created_at": self._simulation.clock.now(),
        }
        await self._simulation.store.put(PAYMENTS, payment)
        if not short:
            await self._move(payment, source["_id"], -amount)
            await self._move(payment, target["_id"], amount)
        await self._events.tell(payment, "rejected" if short else "sent")
        await self._keys.remember(PAYMENTS, key, payment)
        return Answer({"data": shown(payment)}, 201)

    async def _move(self, payment: Document, account_id: str, signed: int) -> None:
        await self._bank.post_alone(
            account_id,
            "bookTransaction",
            signed,
            summary=payment["description"],
            payment_id=payment["_id"],
            tags=payment["tags"],
            tag_pairs=payment["tag_pairs"],
        )
