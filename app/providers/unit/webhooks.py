"""Unit's webhooks: base64 of HMAC-SHA1 over the raw body, no timestamp, several events in one delivery.

There is no replay window, so the event's own id is what makes a repeated delivery harmless. The question whether a
card may be used is signed the same way, and is answered in the response to it. The vendor's pages do not show whether
it comes alone or in a list, as the resource itself or as an event about it, so all four are read. Its older pages have
an event among the others, ``authorizationRequest.pending``, ask, and are answered by a call.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.money import USD, Money
from app.providers.events import WebhookEvent, kept
from app.providers.signatures import fits, read_json
from app.providers.unit import cards_wire
from app.providers.unit.jsonapi import related

MEDIA_TYPE = "application/vnd.api+json"
"""What an answer to a question is written in."""

_PROVIDER = "unit"
_EVENTS_MAX = 1000
_ID_CHARACTERS_MAX = 128
_NAMED = ("payment", "application", "transaction", "authorization", "authorizationRequest", "card")
"""What an event may be about that somebody here waits for."""

_QUESTION = "authorizationRequest"


@dataclass(frozen=True, slots=True)
class CardQuestion:
    """May this card take that much? ``request_id`` names the question, however often it is asked."""

    request_id: str
    card_id: str
    amount: Money


def read_events(body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> tuple[WebhookEvent, ...]:
    """The events of a delivery, unknown types included. Raises SignatureInvalid, then Malformed."""
    envelope = _verified(body, headers, secrets)
    return events_of(envelope.get("data") if isinstance(envelope, dict) else None)


def events_of(listed: object) -> tuple[WebhookEvent, ...]:
    """The events of a delivery, or of a page of /events. Raises Malformed."""
    if not isinstance(listed, list) or len(listed) > _EVENTS_MAX:
        raise Malformed("A delivery of Unit holds a list of events.")
    return tuple(_event(item) for item in listed)


def read_question(body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> CardQuestion:
    """The question whether a card may be used. Raises SignatureInvalid, then Malformed."""
    envelope = _verified(body, headers, secrets)
    data = envelope.get("data") if isinstance(envelope, dict) else None
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    asked = data if isinstance(data, dict) else {}
    request_id = related(asked, _QUESTION) or asked.get("id")
    card_id, attributes = related(asked, "card"), asked.get("attributes")
    amount = attributes.get("amount") if isinstance(attributes, dict) else None
    if not _is_id(request_id) or not _is_id(card_id) or type(amount) is not int or amount < 0:
        raise Malformed("A question of Unit names its request, a card and an amount.")
    return CardQuestion(request_id, card_id, Money(amount, USD))


def answer_to(question: CardQuestion, reason: str | None) -> dict[str, Any]:
    """The body that answers a question: approved as asked, or declined for that reason of the vendor's list."""
    return cards_wire.answer_to(question.amount, reason)


def _verified(body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> object:
    if not fits(headers.get("x-unit-signature", ""), body, secrets, algorithm="sha1", encode=b64encode):
        raise SignatureInvalid(_PROVIDER)
    return read_json(body)


def _event(item: Any) -> WebhookEvent:
    event_id, kind = (item.get("id"), item.get("type")) if isinstance(item, dict) else (None, None)
    if not _is_id(event_id) or not _is_id(kind):
        raise Malformed("An event of Unit has an id and a type.")
    attributes = item.get("attributes")
    payload = kept(attributes, "createdAt", "previousStatus", "reason") if isinstance(attributes, dict) else {}
    about = kind.partition(".")[0]
    account_id = related(item, "account")
    if about == "transaction" and _is_id(account_id):
        payload["account_id"] = account_id  # a transaction is read by its account
    return WebhookEvent(_PROVIDER, event_id, kind, _refs(item, about), {"type": kind, **payload})


def _refs(item: Any, about: str) -> tuple[str, ...]:
    """The object that the event is about; other objects it names are not what happened."""
    found = related(item, about) if about in _NAMED else None
    return (f"{_PROVIDER}:{about}:{found}",) if _is_id(found) else ()


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _ID_CHARACTERS_MAX
