"""Unit's webhooks: base64 of HMAC-SHA1 over the raw body, no timestamp, several events in one delivery.

There is no replay window, so the event's own id is what makes a repeated delivery harmless.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.providers.events import WebhookEvent, kept
from app.providers.signatures import fits, read_json

_PROVIDER = "unit"
_EVENTS_MAX = 1000
_ID_CHARACTERS_MAX = 128


def read_events(body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> tuple[WebhookEvent, ...]:
    """The events of a delivery, unknown types included. Raises SignatureInvalid, then Malformed."""
    if not fits(headers.get("x-unit-signature", ""), body, secrets, algorithm="sha1", encode=b64encode):
        raise SignatureInvalid(_PROVIDER)
    envelope = read_json(body)
    events = envelope.get("data") if isinstance(envelope, dict) else None
    if not isinstance(events, list) or len(events) > _EVENTS_MAX:
        raise Malformed("A delivery of Unit holds a list of events.")
    return tuple(_event(item) for item in events)


def _event(item: Any) -> WebhookEvent:
    event_id, kind = (item.get("id"), item.get("type")) if isinstance(item, dict) else (None, None)
    if not _is_id(event_id) or not _is_id(kind):
        raise Malformed("An event of Unit has an id and a type.")
    attributes = item.get("attributes")
    payload = kept(attributes, "createdAt", "previousStatus", "reason") if isinstance(attributes, dict) else {}
    return WebhookEvent(_PROVIDER, event_id, kind, _refs(item.get("relationships")), {"type": kind, **payload})


def _refs(relationships: Any) -> tuple[str, ...]:
    try:
        payment_id = relationships["payment"]["data"]["id"]
    except (LookupError, TypeError):
        return ()
    return (f"unit:payment:{payment_id}",) if _is_id(payment_id) else ()


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _ID_CHARACTERS_MAX
