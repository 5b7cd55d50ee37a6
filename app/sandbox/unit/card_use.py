"""A card in use: the question to the wallet, the authorization it leads to, and how that ends.

asked ──approved──► Authorized ──cleared──► Completed
  │                     └──canceled or expired──► Canceled
  └──declined, or not answered in time──► Declined

It is asked in a request that wants its answer in the response, or by an event that wants it in a call.
"""

from typing import Any

import httpx2

from app.clock import rfc3339
from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.bank import Bank
from app.sandbox.unit.cards import Cards, parties_of
from app.sandbox.unit.events import Events
from app.sandbox.unit.jsonapi import MEDIA_TYPE, invalid, refusal, to_one
from app.sandbox.unit.requests import amount_of, related, resource_of
from app.sandbox.vendor import Answer, Call

REQUESTS = "unit_authorization_requests"
AUTHORIZATIONS = "unit_authorizations"
ANSWER_S_MAX = 2.0
"""After which the vendor decides by itself; here it declines."""

DECLINES = {
    "AccountClosed",
    "CardExceedsAmountLimit",
    "DoNotHonor",
    "InsufficientFunds",
    "InvalidMerchant",
    "ReferToCardIssuer",
    "RestrictedCard",
    "Timeout",
    "TransactionNotPermittedToCardholder",
}
"""The reasons that a call may decline for."""
_MERCHANT = {"name": "Sandbox Shop", "type": 5812, "category": "Eating places", "location": "New York, NY", "id": "1"}


class CardUse:
    """Purchases with cards."""

    def __init__(self, simulation: Simulation, bank: Bank, cards: Cards, events: Events) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._bank = bank
        self._cards = cards
        self._events = events

    async def request_purchase(self, call: Call) -> Answer:
        """A merchant asks for an amount."""
        attributes, relationships = resource_of(call, "purchaseAuthorizationRequest")
        asked = await self.begin(related(relationships, "card") or "", amount_of(attributes.get("amount")))
        return Answer({"data": await self._request_shown(asked)}, 201)

    async def begin(
        self, card_id: str, amount: int, *, linked: bool = True, call_within_s: float | None = None
    ) -> Document:
        """Store the question; it is asked a moment later. ``linked``: its authorization will name it.

        ``call_within_s``: it is asked by an event, and the wallet has so long to call.
        """
        card = await self._cards.card(card_id)
        request = {
            "_id": str(await self._store.next_number()),
            "card_id": card["_id"],
            "amount": amount,
            "status": "Pending",
            "decline_reason": None,
            "authorization_id": None,
            "linked": linked,
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(REQUESTS, request)
        if call_within_s is not None:
            await self._events.record("authorizationRequest.pending", _named(request, card), _asked(request))
            await self._simulation.agenda.add("unit", "lapse", request["_id"], after_s=call_within_s)
        else:
            await self._simulation.agenda.add("unit", "ask", request["_id"], after_s=0)
        return request

    async def lapse(self, request_id: str) -> None:
        """Nobody has called in time."""
        await self._store.atomically(lambda: self._decide(request_id, "Timeout"))

    async def approve(self, call: Call) -> Answer:
        """The wallet says yes in a call, to what was asked or to a part of it."""
        attributes, _ = resource_of(call, "approveAuthorizationRequest")
        request = await self._open_request(call.path("id"))
        if attributes.get("amount", request["amount"]) != request["amount"]:
            raise invalid("a part of the amount may not be approved", "/data/attributes/amount")
        return await self._answered(request["_id"], None)

    async def decline(self, call: Call) -> Answer:
        """The wallet says no in a call."""
        attributes, _ = resource_of(call, "declineAuthorizationRequest")
        request = await self._open_request(call.path("id"))
        if attributes.get("reason") not in DECLINES:
            raise invalid("there is no such reason", "/data/attributes/reason")
        return await self._answered(request["_id"], attributes["reason"])

    async def ask(self, request_id: str) -> None:
        """Ask the wallet, and do as it says; without an answer in time, decline."""
        request = await self._store.get(REQUESTS, request_id)
        if request is None or request["status"] != "Pending":
            return
        card = await self._cards.card(request["card_id"])
        reason = "RestrictedCard" if card["status"] != "Active" else await self._answer(request)
        await self._store.atomically(lambda: self._decide(request_id, reason))

    async def clear(self, card_id: str, amount: int, authorization_id: str | None, direction: str) -> Document:
        """The merchant takes (Debit) or gives back (Credit) for good; without an authorization too. Raises Refusal."""
        card = await self._cards.card(card_id)
        related_to = {"card": ("card", card["_id"])}
        if authorization_id is not None:
            authorization = await self._authorization(authorization_id)
            await self._store.put(AUTHORIZATIONS, {**authorization, "status": "Completed"})
            related_to["authorization"] = ("authorization", authorization_id)
        transaction = await self._bank.post_alone(
            card["account_id"],
            "purchaseTransaction",
            amount if direction == "Credit" else -amount,
            summary=f"{_MERCHANT['name']} | **{card['last_four']}",
            related=related_to,
            extra={
                "cardLast4Digits": card["last_four"],
                "merchant": _MERCHANT,
                "recurring": False,
                "ecommerce": True,
                "cardPresent": False,
            },
        )
        if transaction is None:
            raise refusal(400, "account_not_found", "the card's account is gone")
        named = {**parties_of(card), "transaction": to_one("purchaseTransaction", transaction["_id"])}
        await self._events.record("transaction.created", named, {"direction": direction, "amount": amount})
        return transaction

    async def cancel(self, authorization_id: str) -> Document:
        """The merchant gives it up, or it expires. Raises Refusal."""
        authorization = await self._authorization(authorization_id)
        if authorization["status"] != "Authorized":
            raise invalid(f"the authorization is {authorization['status']}", "/data")
        canceled = {**authorization, "status": "Canceled"}
        await self._store.put(AUTHORIZATIONS, canceled)
        await self._tell_of(canceled, "authorization.canceled")
        return canceled

    async def get_authorization(self, call: Call) -> Answer:
        return Answer({"data": await self._authorization_shown(await self._authorization(call.path("id")))})

    async def get_request(self, call: Call) -> Answer:
        return Answer({"data": await self._request_shown(await self._request(call.path("id")))})

    async def book(self) -> dict[str, Any]:
        requests = await self._store.find(REQUESTS, {}, limit=100_000)
        fields = ("card_id", "amount", "status", "decline_reason", "authorization_id")
        return {"card_requests": [{"id": each["_id"], **{name: each[name] for name in fields}} for each in requests]}

    async def _answer(self, request: Document) -> str | None:
        """The wallet's reason to decline; None when it approves."""
        body = exact_json.write({"data": [await self._question(request)]}).encode()
        headers = {"Content-Type": MEDIA_TYPE, **await self._events.sign(body)}
        url = f"{self._simulation.config.api_url}/webhooks/unit/authorizations"
        try:
            response = await self._simulation.http.post(url, content=body, headers=headers, timeout=ANSWER_S_MAX)
            answer = exact_json.read(response.content)["data"]
        except (httpx2.RequestError, ValueError, LookupError, TypeError):
            return "Timeout"
        if response.status_code == 200 and answer.get("type") == "approveAuthorizationRequest":
            return None
        return str(answer.get("attributes", {}).get("reason", "DoNotHonor"))

    async def _question(self, request: Document) -> dict[str, Any]:
        return {
            "id": str(await self._store.next_number()),
            "type": "authorizationRequest.pending",
            "attributes": {"createdAt": rfc3339(self._simulation.clock.now()), **_asked(request)},
            "relationships": _named(request, await self._cards.card(request["card_id"])),
        }

    async def _answered(self, request_id: str, reason: str | None) -> Answer:
        await self._decide(request_id, reason)
        return Answer({"data": await self._request_shown(await self._request(request_id))})

    async def _request(self, request_id: str) -> Document:
        request = await self._store.get(REQUESTS, request_id)
        if request is None:
            raise refusal(404, "not_found", "there is no such authorization request")
        return request

    async def _open_request(self, request_id: str) -> Document:
        request = await self._request(request_id)
        if request["status"] != "Pending":
            raise invalid(f"the authorization request is {request['status']}", "/data")
        return request

    async def _decide(self, request_id: str, reason: str | None) -> None:
        request = await self._store.get(REQUESTS, request_id)
        if request is None or request["status"] != "Pending":
            return
        decided = {**request, "status": "Declined" if reason else "Approved", "decline_reason": reason}
        card = await self._cards.card(request["card_id"])
        named = _named(request, card)
        attributes: dict[str, Any] = {"amount": request["amount"], "status": decided["status"], "merchant": _MERCHANT}
        if reason is not None:
            await self._store.put(REQUESTS, decided)
            await self._events.record("authorizationRequest.declined", named, {**attributes, "declineReason": reason})
            return
        authorization = {
            "_id": str(await self._store.next_number()),
            "card_id": card["_id"],
            "request_id": request_id if request["linked"] else None,
            "amount": request["amount"],
            "status": "Authorized",
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(REQUESTS, {**decided, "authorization_id": authorization["_id"]})
        await self._store.put(AUTHORIZATIONS, authorization)
        await self._events.record("authorizationRequest.approved", named, attributes)
        await self._tell_of(authorization, "authorization.created")

    async def _tell_of(self, authorization: Document, event: str) -> None:
        card = await self._cards.card(authorization["card_id"])
        named = {"authorization": to_one("authorization", authorization["_id"]), **parties_of(card)}
        attributes = {"amount": authorization["amount"], "status": authorization["status"], "merchant": _MERCHANT}
        await self._events.record(event, named, attributes)

    async def _authorization(self, key: str) -> Document:
        authorization = await self._store.get(AUTHORIZATIONS, key)
        if authorization is None:
            raise refusal(404, "not_found", "there is no such authorization")
        return authorization

    async def _authorization_shown(self, authorization: Document) -> dict[str, Any]:
        card = await self._cards.card(authorization["card_id"])
        related_to = parties_of(card)
        if authorization["request_id"] is not None:
            request = to_one("purchaseAuthorizationRequest", authorization["request_id"])
            related_to["authorizationRequest"] = request
        return {
            "type": "authorization",
            "id": authorization["_id"],
            "attributes": {
                "createdAt": rfc3339(authorization["created_at"]),
                "amount": authorization["amount"],
                "cardLast4Digits": card["last_four"],
                "status": authorization["status"],
                "merchant": _MERCHANT,
                "recurring": False,
                "tags": {},
            },
            "relationships": related_to,
        }

    async def _request_shown(self, request: Document) -> dict[str, Any]:
        card = await self._cards.card(request["card_id"])
        attributes = {
            "createdAt": rfc3339(request["created_at"]),
            "amount": request["amount"],
            "status": request["status"],
            "partialApprovalAllowed": False,
            "merchant": _MERCHANT,
            "recurring": False,
        }
        if request["decline_reason"] is not None:
            attributes["declineReason"] = request["decline_reason"]
        return {
            "type": "purchaseAuthorizationRequest",
            "id": request["_id"],
            "attributes": attributes,
            "relationships": parties_of(card),
        }


def _named(request: Document, card: Document) -> dict[str, Any]:
    return {"authorizationRequest": to_one("purchaseAuthorizationRequest", request["_id"]), **parties_of(card)}


def _asked(request: Document) -> dict[str, Any]:
    return {
        "amount": request["amount"],
        "status": "Pending",
        "partialApprovalAllowed": False,
        "merchant": _MERCHANT,
        "recurring": False,
    }
