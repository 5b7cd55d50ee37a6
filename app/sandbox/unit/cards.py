"""Virtual debit cards: issued, frozen, unfrozen, closed. A number is never shown, only its last four digits."""

from typing import Any

from app.clock import rfc3339
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.bank import Bank
from app.sandbox.unit.events import Events
from app.sandbox.unit.jsonapi import listed, order_of, page_of, query_of, refusal, tag_pairs, to_one
from app.sandbox.unit.keys import Keys
from app.sandbox.unit.requests import related, resource_of, tags_of, text_of
from app.sandbox.vendor import Answer, Call

CARDS = "unit_cards"
_FILTERS = {"accountId": "account_id", "customerId": "customer_id", "status": "status"}


class Cards:
    """Cards of customers."""

    def __init__(self, simulation: Simulation, bank: Bank, events: Events, keys: Keys) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._bank = bank
        self._events = events
        self._keys = keys

    async def create_card(self, call: Call) -> Answer:
        attributes, relationships = resource_of(call, "individualVirtualDebitCard")
        key = text_of(attributes, "idempotencyKey", 255)
        if (earlier := await self._keys.made_with(CARDS, key)) is not None:
            return Answer({"data": shown(earlier)}, 201)
        account = await self._bank.account(related(relationships, "account") or "", "/data/relationships/account")
        tags, number = tags_of(attributes.get("tags")), await self._store.next_number()
        now = self._simulation.clock.now()
        card = {
            "_id": str(number),
            "account_id": account["_id"],
            "customer_id": account["customer_id"],
            "last_four": f"{number % 10_000:04}",
            "expires": f"{now.year + 4}-{now.month:02}",
            "status": "Active",
            "tags": tags,
            "tag_pairs": tag_pairs(tags),
            "created_at": now,
        }
        await self._store.put(CARDS, card)
        await self._keys.remember(CARDS, key, card)
        await self._tell("card.created", card)
        return Answer({"data": shown(card)}, 201)

    async def get_card(self, call: Call) -> Answer:
        return Answer({"data": shown(await self.card(call.path("id")))})

    async def list_cards(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, _FILTERS)
        found = await self._store.find(CARDS, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(CARDS, query)
        return listed([shown(card) for card in found], limit=limit, offset=offset, total=total)

    async def freeze_card(self, call: Call) -> Answer:
        return await self._move(call, {"Active"}, "Frozen")

    async def unfreeze_card(self, call: Call) -> Answer:
        return await self._move(call, {"Frozen"}, "Active")

    async def close_card(self, call: Call) -> Answer:
        return await self._move(call, {"Active", "Frozen"}, "ClosedByCustomer")

    async def card(self, key: str) -> Document:
        """The card of that id. Raises Refusal."""
        card = await self._store.get(CARDS, key)
        if card is None:
            raise refusal(404, "not_found", "there is no such card")
        return card

    async def _move(self, call: Call, statuses: set[str], following: str) -> Answer:
        card = await self.card(call.path("id"))
        if card["status"] not in statuses:
            raise refusal(400, "not_supported_for_card_status", f"the card is {card['status']}")
        moved = {**card, "status": following}
        await self._store.put(CARDS, moved)
        await self._tell("card.statusChanged", moved, previousStatus=card["status"], newStatus=following)
        return Answer({"data": shown(moved)})

    async def _tell(self, event: str, card: Document, **attributes: str) -> None:
        await self._events.record(event, parties_of(card), {"tags": card["tags"], **attributes})


def parties_of(card: Document) -> dict[str, Any]:
    """Card, account and customer, as relationships."""
    return {
        "card": to_one("card", card["_id"]),
        "account": to_one("account", card["account_id"]),
        "customer": to_one("customer", card["customer_id"]),
    }


def shown(card: Document) -> dict[str, Any]:
    return {
        "type": "individualVirtualDebitCard",
        "id": card["_id"],
        "attributes": {
            "createdAt": rfc3339(card["created_at"]),
            "last4Digits": card["last_four"],
            "expirationDate": card["expires"],
            "status": card["status"],
            "tags": dict(card["tags"]),
        },
        "relationships": {
            "account": to_one("depositAccount", card["account_id"]),
            "customer": to_one("individualCustomer", card["customer_id"]),
        },
    }
