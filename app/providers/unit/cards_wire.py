"""Unit's cards and what becomes of their use, in our words (https://www.unit.co/docs/api/cards/)."""

from typing import Any

from app.money import USD, Money
from app.providers.bank_ports import CardAuthorization, CardMovement, CardRequest, CardStatus, IssuedCard
from app.providers.unit.jsonapi import REFERENCE_TAG, cents, reference_of, related, resource, tagged, text, to_one

STATUSES = {
    "Active": CardStatus.ACTIVE,
    "Inactive": CardStatus.FROZEN,  # a virtual card is born active; one that is not cannot be used
    "Frozen": CardStatus.FROZEN,
    "Stolen": CardStatus.CLOSED,
    "Lost": CardStatus.CLOSED,
    "ClosedByCustomer": CardStatus.CLOSED,
    "SuspectedFraud": CardStatus.CLOSED,
}

MOVED_BY_CARDS = {"purchaseTransaction", "atmTransaction", "cardTransaction", "cardReversalTransaction"}

_OPEN = "Authorized"
_CLEARED = "Completed"
_DECLINED = "Declined"
_ASKING = "Pending"


def card_order(account_id: str, *, reference: str, key: str) -> dict[str, Any]:
    """The body of POST /cards."""
    attributes = {"idempotencyKey": key, "tags": {REFERENCE_TAG: reference}}
    return resource("individualVirtualDebitCard", attributes, account=to_one("depositAccount", account_id))


def card(body: Any) -> IssuedCard:
    """The card of a response."""
    return _card(body["data"])


def card_among(body: Any, reference: str) -> IssuedCard | None:
    """The card of a list that carries our reference."""
    found = tagged(body, reference)
    return None if found is None else _card(found)


def movement(body: Any) -> CardMovement | None:
    """What a card has moved; None for a transaction that no card made."""
    data = body["data"]
    card_id = related(data, "card")
    if data["type"] not in MOVED_BY_CARDS or card_id is None:
        return None
    attributes = data["attributes"]
    if attributes["direction"] not in {"Debit", "Credit"}:
        raise ValueError("not a direction")
    return CardMovement(
        id=text(data["id"]),
        card_id=card_id,
        amount=Money(cents(attributes["amount"]), USD),
        is_credit=attributes["direction"] == "Credit",
        authorization_id=related(data, "authorization"),
    )


def authorization(body: Any) -> CardAuthorization:
    """The authorization of a response."""
    data = body["data"]
    attributes = data["attributes"]
    return CardAuthorization(
        id=text(data["id"]),
        card_id=text(related(data, "card")),
        request_id=related(data, "authorizationRequest"),
        amount=Money(cents(attributes["amount"]), USD),
        is_open=attributes["status"] == _OPEN,
        was_cleared=attributes["status"] == _CLEARED,
    )


def card_request(body: Any) -> CardRequest:
    """The question of a response."""
    data = body["data"]
    attributes = data["attributes"]
    return CardRequest(
        id=text(data["id"]),
        card_id=text(related(data, "card")),
        amount=Money(cents(attributes["amount"]), USD),
        is_open=attributes["status"] == _ASKING,
        was_declined=attributes["status"] == _DECLINED,
    )


def answer_to(amount: Money, reason: str | None) -> dict[str, Any]:
    """An answer to a question: approved as asked, or declined for that reason of the vendor's list."""
    if reason is None:
        return resource("approveAuthorizationRequest", {"amount": amount.minor})
    return resource("declineAuthorizationRequest", {"reason": reason})


def _card(data: Any) -> IssuedCard:
    attributes = data["attributes"]
    return IssuedCard(
        id=text(data["id"]),
        mask=text(attributes["last4Digits"]),
        expires=text(attributes["expirationDate"]),
        status=STATUSES.get(attributes["status"], CardStatus.UNRECOGNISED),
        reference=reference_of(data),
    )
