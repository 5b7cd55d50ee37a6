"""Stripe's webhooks: hex of HMAC-SHA256 over the time and the raw body, under any secret that is active.

The time is signed along, so a delivery that was recorded and is played again later is refused. Within the tolerance the
event's own id is what makes a repeated delivery harmless.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeGuard

from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.providers.events import WebhookEvent, kept
from app.providers.signatures import fits, read_json

TOLERANCE_S = 300

_PROVIDER = "stripe"
_ID_CHARACTERS_MAX = 255
_SIGNATURES_MAX = 10


def read_events(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr], *, now: datetime
) -> tuple[WebhookEvent, ...]:
    """The event of a delivery, an unknown type included. Raises SignatureInvalid, then Malformed."""
    signed_at, signatures = _proof(headers.get("stripe-signature", ""))
    if signed_at is None or abs(now.timestamp() - int(signed_at)) > TOLERANCE_S:
        raise SignatureInvalid(_PROVIDER)
    signed = f"{signed_at}.".encode() + body
    if not any(fits(each, signed, secrets, algorithm="sha256", encode=_hex) for each in signatures):
        raise SignatureInvalid(_PROVIDER)
    return (event_of(read_json(body)),)


def event_of(envelope: object) -> WebhookEvent:
    """An event as it is delivered, or listed by ``/v1/events``. Raises Malformed."""
    item = envelope if isinstance(envelope, dict) else {}
    event_id, kind, data = item.get("id"), item.get("type"), item.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if not _is_id(event_id) or not _is_id(kind):
        raise Malformed("An event of Stripe has an id and a type.")
    payload = {"type": kind, **kept(item, "created", "account")}
    return WebhookEvent(_PROVIDER, event_id, kind, _refs(about), payload)


def _proof(header: str) -> tuple[str | None, list[str]]:
    """The time, and the signatures of the scheme that counts; others are passed over."""
    signed_at: str | None = None
    signatures: list[str] = []
    for part in header.split(","):
        scheme, _, value = part.strip().partition("=")
        if scheme == "t" and value.isascii() and value.isdigit() and len(value) <= 12:
            signed_at = value
        elif scheme == "v1" and len(signatures) < _SIGNATURES_MAX:
            signatures.append(value)
    return signed_at, signatures


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()


def _refs(about: Any) -> tuple[str, ...]:
    """What somebody here may wait for or watch: a payment, its charge when disputed, a payout, a transfer, a payee.

    Whatever happens to a charge or a refund is news of its payment.
    """
    if not isinstance(about, dict):
        return ()
    match about.get("object"):
        case "payment_intent" | "payout" | "transfer" | "account" as kind:
            name, found = kind, about.get("id")
        case "charge" | "refund":
            name, found = "payment_intent", about.get("payment_intent")
        case "dispute":
            name, found = "charge", about.get("charge")
        case _:
            return ()
    return (f"{_PROVIDER}:{name}:{found}",) if _is_id(found) else ()


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _ID_CHARACTERS_MAX
