"""Access tokens: RS256 JSON Web Tokens of the issuers that we trust (RFC 7519, RFC 8725, RFC 9068)."""

import hashlib
import json
import re
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from app.clock import Clock
from app.errors import TokenInvalid
from app.identity.issuers import TrustedIssuer
from app.identity.principals import Principal, principal_of

ALGORITHM = "RS256"

_TOKEN_BYTES_MAX = 8_192
_HEADERS_ALLOWED = frozenset({"alg", "typ", "kid"})
"""Anything else brings its own key (jwk, jku, x5u, x5c) or changes what the rest means (crit, b64, zip)."""
_TYPES_ALLOWED = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_KEY_ID = re.compile(r"[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]{0,127}", re.ASCII)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class AccessTokens:
    """Verifies access tokens, and remembers for a while which ones it has verified.

    A remembered token is not checked against the issuer's keys again until it expires or ``remembered_s`` have
    passed, so a key that the issuer withdraws is honoured at most that much longer.
    """

    def __init__(
        self,
        *,
        issuers: Iterable[TrustedIssuer],
        clock: Clock,
        leeway_s: int = 60,
        remembered_s: int = 600,
        remembered_max: int = 4_096,
    ) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._clock = clock
        self._leeway = timedelta(seconds=leeway_s)
        self._remembered_s = remembered_s
        self._remembered_max = remembered_max
        self._remembered: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def principal(self, token: str) -> Principal:
        """The caller whom the token names.

        Raises TokenInvalid, naming the check that failed and nothing of the token; ProviderUnavailable when the
        issuer's keys are needed and cannot be had.
        """
        _require_compact(token)
        digest = hashlib.sha256(token.encode()).digest()
        return self._recall(digest) or await self._verify(token, digest)

    async def claims(self, token: str) -> Mapping[str, Any]:
        """What a token says whose bearer is no caller with permissions, but a machine that asks.

        Raises what ``principal`` does, of the token itself; nothing is remembered.
        """
        _require_compact(token)
        claims, _, _ = await self._checked(token)
        return claims

    async def _verify(self, token: str, digest: bytes) -> Principal:
        claims, issuer, expires_at_s = await self._checked(token)
        principal = principal_of(claims, issuer)
        self._remember(digest, expires_at_s, principal)
        return principal

    async def _checked(self, token: str) -> tuple[Mapping[str, Any], TrustedIssuer, int]:
        """What the token says, whom it is from, and the second at which it expires."""
        key_id = _key_id(token)
        issuer = self._issuer_of(token)
        key = await issuer.keys.key(key_id)
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            raise TokenInvalid("its signature does not fit") from None
        return claims, issuer, self._check(claims, issuer)

    def _issuer_of(self, token: str) -> TrustedIssuer:
        """Whom the token says it is from; their key then shows whether that is so."""
        named = _decoded(token.split(".")[1]).get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise TokenInvalid("it is from another issuer")
        return issuer

    def _check(self, claims: Mapping[str, Any], issuer: TrustedIssuer) -> int:
        """Audience, then times. Returns the second at which the token expires."""
        if claims.get("iss") != issuer.issuer:
            raise TokenInvalid("it is from another issuer")
        if not _names(issuer.audience, claims.get("aud")):
            raise TokenInvalid("it is for another audience")
        expires_at_s = _instant(claims.get("exp"), "exp")
        now_s, leeway_s = self._clock.now().timestamp(), self._leeway.total_seconds()
        if now_s >= expires_at_s + leeway_s:
            raise TokenInvalid("it has expired")
        for name in ("nbf", "iat"):
            if name in claims and _instant(claims[name], name) > now_s + leeway_s:
                raise TokenInvalid("it is not valid yet")
        return expires_at_s

    def _recall(self, digest: bytes) -> Principal | None:
        known = self._remembered.get(digest)
        if known is None:
            return None
        until_s, principal = known
        if self._clock.now().timestamp() >= until_s:
            del self._remembered[digest]
            return None
        self._remembered.move_to_end(digest)
        return principal

    def _remember(self, digest: bytes, expires_at_s: int, principal: Principal) -> None:
        until_s = min(float(expires_at_s), self._clock.now().timestamp() + self._remembered_s)
        self._remembered[digest] = (until_s, principal)
        while len(self._remembered) > self._remembered_max:
            self._remembered.popitem(last=False)


def _require_compact(token: str) -> None:
    if len(token) > _TOKEN_BYTES_MAX:
        raise TokenInvalid("it is too long")
    if not _COMPACT.fullmatch(token):
        raise TokenInvalid("it is not a signed JWT")


def _key_id(token: str) -> str:
    """The key id of the token's header, once everything else in the header is what we expect."""
    header = _decoded(token.partition(".")[0])
    if header.get("alg") != ALGORITHM:
        raise TokenInvalid(f"it is not signed with {ALGORITHM}")
    if not header.keys() <= _HEADERS_ALLOWED:
        raise TokenInvalid("its header asks for more than a signature check")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES_ALLOWED:
        raise TokenInvalid("it is another type of token")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise TokenInvalid("it names no key")
    return key_id


def _decoded(part: str) -> dict[str, Any]:
    try:
        content = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise TokenInvalid("it is not a signed JWT") from None
    if not isinstance(content, dict):
        raise TokenInvalid("it is not a signed JWT")
    return content


def _names(audience: str, claim: object) -> bool:
    return claim == audience or (isinstance(claim, list) and audience in claim)


def _instant(claim: object, name: str) -> int:
    if type(claim) is not int:
        raise TokenInvalid(f"its {name} is not a whole number of seconds")
    return claim
