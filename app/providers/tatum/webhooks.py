"""Tatum's webhooks: base64 of HMAC-SHA512 over the JSON text without spaces, no timestamp and no event id.

The vendor repeats deliveries, and tells the same transfer once from the memory pool and once from every block that
takes it. So the event's id is derived from what it is about; two tellings of one thing become one event.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.ids import derived_id
from app.providers.events import WebhookEvent, kept
from app.providers.signatures import fits, read_json

_PROVIDER = "tatum"
_STRING_OR_SPACE = re.compile(rb'("(?:[^"\\]|\\.)*+"?)|[ \t\r\n]+', re.DOTALL)
"""Possessive, and the last quote optional: a stranger's body of unclosed strings must not cost square time."""
_IDENTITY = (
    *("chain", "txId", "signatureId", "address", "to", "asset", "currency", "contractAddress", "logIndex"),
    "blockNumber",
)
_KEPT = ("chain", "txId", "signatureId", "asset", "currency", "blockNumber", "mempool")


def read_events(body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> tuple[WebhookEvent, ...]:
    """The one event of a delivery, an unknown type included. Raises SignatureInvalid, then Malformed."""
    given = headers.get("x-payload-hash", "")
    if not any(
        fits(given, text, secrets, algorithm="sha512", encode=b64encode) for text in (body, without_spaces(body))
    ):
        raise SignatureInvalid(_PROVIDER)
    payload = read_json(body)
    if not isinstance(payload, dict):
        raise Malformed("A delivery of Tatum is an object.")
    nested = payload.get("data")
    told = {**payload, **nested} if isinstance(nested, dict) else payload
    return (_event(told, body),)


def without_spaces(body: bytes) -> bytes:
    """The JSON text without the white space between its tokens: what the vendor says it signs."""
    return _STRING_OR_SPACE.sub(lambda match: match[1] or b"", body)


def _event(told: dict[str, Any], body: bytes) -> WebhookEvent:
    kind = told.get("subscriptionType") or told.get("type")
    if not isinstance(kind, str) or not kind:
        raise Malformed("An event of Tatum has a type.")
    refs = _refs(told)
    identity = [f"{name}={told[name]}" for name in _IDENTITY if told.get(name) is not None]
    if not refs:
        identity.append(sha256(body).hexdigest())
    stage = "mempool" if told.get("mempool") is True else "block"
    event_id = derived_id("evt", kind, stage, *identity)
    return WebhookEvent(_PROVIDER, event_id, kind, refs, {"type": kind, **kept(told, *_KEPT)})


def _refs(told: dict[str, Any]) -> tuple[str, ...]:
    named = kept(told, "signatureId", "txId")
    kinds = {"signatureId": "kms", "txId": "tx"}
    return tuple(f"tatum:{kinds[name]}:{value}" for name, value in named.items() if isinstance(value, str) and value)
