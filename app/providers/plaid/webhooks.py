"""Plaid's webhooks: a short-lived ES256 token over the hash of the raw body (https://plaid.com/docs/api/webhooks/).

The key that signed is fetched by its id, so reading is asynchronous; which ids are asked for is up to strangers, so
the asking is bounded.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from app.clock import Clock
from app.errors import Malformed, ProviderUnavailable, SignatureInvalid
from app.providers import exact_json
from app.providers.events import WebhookEvent, kept
from app.providers.outcomes import Declined, ProviderOutcome
from app.providers.signatures import read_json

_PROVIDER = "plaid"
_ALGORITHM = "ES256"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{1,2048}\.[A-Za-z0-9_-]{1,512}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_AGE_MAX = timedelta(minutes=5)
_SKEW_MAX = timedelta(minutes=1)
_KEY_LIFETIME = timedelta(hours=1)
_FETCH_PAUSE = timedelta(seconds=5)
_KEYS_MAX = 16


class KnowsWebhookKeys(Protocol):
    """Where the public keys come from."""

    async def webhook_key(self, key_id: str) -> dict[str, str] | None:
        """The public key as a JWK; None when it has expired."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    key: ECKey
    until: datetime


class PlaidWebhooks:
    """Reads deliveries. Keys are kept for an hour; an unknown one is fetched at most every five seconds."""

    def __init__(self, keys: KnowsWebhookKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._next_fetch_at: datetime | None = None

    async def read_events(self, body: bytes, headers: Mapping[str, str]) -> tuple[WebhookEvent, ...]:
        """The one event of a delivery, an unknown type included.

        Raises SignatureInvalid; ProviderUnavailable when the key is needed and cannot be had; Malformed.
        """
        token = headers.get("plaid-verification", "")
        key = await self._key(_key_id(token))
        issued_at = self._verify(token, key, body)
        told = read_json(body)
        if not isinstance(told, dict):
            raise Malformed("A delivery of Plaid is an object.")
        payload = kept(told, "webhook_type", "webhook_code", "item_id")
        if not {"webhook_type", "webhook_code"} <= payload.keys():
            raise Malformed("An event of Plaid has a type and a code.")
        kind = f"{payload['webhook_type']}.{payload['webhook_code']}"
        refs = (f"plaid:item:{payload['item_id']}",) if payload.get("item_id") else ()
        return (WebhookEvent(_PROVIDER, _event_id(body, issued_at), kind, refs, payload),)

    def _verify(self, token: str, key: ECKey, body: bytes) -> datetime:
        """Signature, age, then body. Returns when the token was issued."""
        try:
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError):
            raise SignatureInvalid(_PROVIDER) from None
        issued, digest = claims.get("iat"), claims.get("request_body_sha256")
        now = self._clock.now()
        if type(issued) is not int or not isinstance(digest, str):
            raise SignatureInvalid(_PROVIDER)
        age_s = now.timestamp() - issued
        if not -_SKEW_MAX.total_seconds() <= age_s <= _AGE_MAX.total_seconds():
            raise SignatureInvalid(_PROVIDER)
        if not compare_digest(digest.encode(), sha256(body).hexdigest().encode()):
            raise SignatureInvalid(_PROVIDER)
        return now - timedelta(seconds=age_s)

    async def _key(self, key_id: str) -> ECKey:
        now = self._clock.now()
        known = self._known.get(key_id)
        if known is not None and now < known.until:
            return known.key
        if self._next_fetch_at is not None and now < self._next_fetch_at:
            raise ProviderUnavailable(_PROVIDER)
        self._next_fetch_at = now + _FETCH_PAUSE
        key = await self._fetch(key_id)
        if len(self._known) >= _KEYS_MAX:
            self._known.clear()
        self._known[key_id] = _Known(key, now + _KEY_LIFETIME)
        return key

    async def _fetch(self, key_id: str) -> ECKey:
        try:
            found = await self._keys.webhook_key(key_id)
        except Declined:
            raise SignatureInvalid(_PROVIDER) from None
        except ProviderOutcome:
            raise ProviderUnavailable(_PROVIDER) from None
        if found is None:
            raise SignatureInvalid(_PROVIDER)
        try:
            return ECKey.import_key({**found})
        except (JoseError, ValueError):
            raise ProviderUnavailable(_PROVIDER) from None


def _key_id(token: str) -> str:
    """The key's id in a header that names our algorithm and brings nothing of its own."""
    header = _header(token) if _TOKEN.fullmatch(token) else None
    if not isinstance(header, dict) or header.get("alg") != _ALGORITHM or not header.keys() <= {"alg", "typ", "kid"}:
        raise SignatureInvalid(_PROVIDER)
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise SignatureInvalid(_PROVIDER)
    return key_id


def _header(token: str) -> object:
    try:
        return exact_json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    except ValueError:
        return None


def _event_id(body: bytes, issued_at: datetime) -> str:
    """The vendor gives none, and repeats a delivery for up to a day. So the same body on the same day is one event;
    the same one months later is another, or a login that broke a second time would go unheard.
    """
    return f"{issued_at.date().isoformat()}-{sha256(body).hexdigest()}"
