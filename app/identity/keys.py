"""The issuer's public keys: fetched when needed, shared by everybody, and never fetched because a stranger wants it."""

import asyncio
import json
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from datetime import datetime, timedelta
from typing import Any

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from app.clock import Clock
from app.errors import ProviderUnavailable, TokenInvalid

_ISSUER = "identity issuer"
_MODULUS_BITS_MIN = 2048
_KEYS_MAX = 32
_FETCH_TIMEOUT_S = 3.0


class IssuerKeys:
    """The RSA signing keys that an issuer publishes at a URL, by key id.

    They are fetched again when ``age_max_s`` old, or when a key id is unknown; after any attempt, good or bad, the
    next one waits ``cooldown_s``, because unknown key ids are chosen by whoever sends a token. While the issuer is
    down, keys it has published within ``stale_max_s`` are served.
    """

    def __init__(
        self,
        url: str,
        http: httpx2.AsyncClient,
        clock: Clock,
        *,
        cooldown_s: float = 10.0,
        age_max_s: float = 600.0,
        stale_max_s: float = 3_600.0,
    ) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._cooldown = timedelta(seconds=cooldown_s)
        self._age_max = timedelta(seconds=age_max_s)
        self._stale_max = timedelta(seconds=stale_max_s)
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> RSAKey:
        """The public key of that id.

        Raises ProviderUnavailable when no usable keys are known and the issuer cannot be reached, else TokenInvalid
        when the issuer has no such key.
        """
        if key_id in self._keys and self._age() <= self._age_max:
            return self._keys[key_id]
        if not (key_id in self._keys and self._usable() and self._fetching.locked()):
            await self._refresh(key_id)
        if not self._usable():
            raise ProviderUnavailable(_ISSUER)
        if key_id not in self._keys:
            raise TokenInvalid("it is signed with an unknown key")
        return self._keys[key_id]

    async def _refresh(self, key_id: str) -> None:
        async with self._fetching:
            fresh = key_id in self._keys and self._age() <= self._age_max
            now = self._clock.now()
            if fresh or (self._tried_at is not None and now - self._tried_at < self._cooldown):
                return
            self._tried_at = now
            keys = await self._fetch()
            if keys:
                self._keys, self._fetched_at = keys, now

    async def _fetch(self) -> dict[str, RSAKey]:
        """The published keys; none if the issuer does not answer with any."""
        try:
            response = await self._http.get(self._url, timeout=_FETCH_TIMEOUT_S)
            response.raise_for_status()
            return _signing_keys(json.loads(response.content))
        except (httpx2.HTTPError, ValueError):
            return {}

    def _age(self) -> timedelta:
        return self._clock.now() - self._fetched_at if self._fetched_at else timedelta.max

    def _usable(self) -> bool:
        return self._age() <= self._age_max + self._stale_max


def _signing_keys(document: Any) -> dict[str, RSAKey]:
    published = document.get("keys") if isinstance(document, dict) else None
    entries = published[:_KEYS_MAX] if isinstance(published, list) else []
    keys = {entry.get("kid"): _signing_key(entry) for entry in entries if isinstance(entry, dict)}
    return {key_id: key for key_id, key in keys.items() if isinstance(key_id, str) and key is not None}


def _signing_key(entry: dict[str, Any]) -> RSAKey | None:
    """The entry as a key, or None if it is not a public RSA key for RS256 signatures of at least 2048 bits."""
    modulus, exponent = entry.get("n"), entry.get("e")
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    if not isinstance(modulus, str) or not isinstance(exponent, str) or _bits(modulus) < _MODULUS_BITS_MIN:
        return None
    try:
        return RSAKey.import_key({"kty": "RSA", "n": modulus, "e": exponent})
    except (JoseError, ValueError):
        return None


def _bits(number: str) -> int:
    try:
        data = urlsafe_b64decode(number + "=" * (-len(number) % 4))
    except (NotBase64, ValueError):
        return 0
    return int.from_bytes(data).bit_length()
