"""Proof of possession: a token that is bound to a key is worth nothing without that key (DPoP, RFC 9449).

A proof is a JWT of its own for one request: signed with the key that it brings along, whose thumbprint the token names.
It is good for a minute, once. What was used is remembered in Redis; while that is away, by each process for itself.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from redis.exceptions import RedisError

from app.clock import Clock
from app.errors import ProofInvalid
from app.ids import derived_id

ALGORITHM = "ES256"
"""What phones' own key stores speak; an RSA key in a header is larger than any header should be."""

_AGE_S_MAX = 60
_PROOF_BYTES_MAX = 4_096
_ID_LENGTH_MAX = 128
_USED_MAX = 20_000

_log = structlog.get_logger()


class ExecutesCommands(Protocol):
    """Redis, or whoever carries commands to it."""

    async def execute_command(self, *words: Any, **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Use:
    """What a token is used for: ``url`` without query. ``thumbprint`` is of the key it is bound to."""

    method: str
    url: str
    token: str
    thumbprint: str


class Proofs:
    """Judges proofs, each once."""

    def __init__(self, redis: ExecutesCommands, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._used: OrderedDict[str, float] = OrderedDict()

    async def require(self, proof: str, use: Use) -> None:
        """Raise ProofInvalid unless the proof is for this very use, signed with the key that the token is bound to."""
        claims = _verified(proof, use.thumbprint)
        if claims.get("htm") != use.method or claims.get("htu") != use.url:
            raise ProofInvalid("it is for another request")
        if claims.get("ath") != _digest(use.token):
            raise ProofInvalid("it is for another token")
        issued_s, proof_id = claims.get("iat"), claims.get("jti")
        if type(issued_s) is not int or abs(self._clock.now().timestamp() - issued_s) > _AGE_S_MAX:
            raise ProofInvalid("it is not of this minute")
        if not isinstance(proof_id, str) or not 0 < len(proof_id) <= _ID_LENGTH_MAX:
            raise ProofInvalid("it has no id")
        if not await self._is_first(derived_id("prf", use.thumbprint, proof_id)):
            raise ProofInvalid("it was used before")

    async def _is_first(self, name: str) -> bool:
        now_s = self._clock.now().timestamp()
        while self._used and (len(self._used) >= _USED_MAX or next(iter(self._used.values())) < now_s):
            self._used.popitem(last=False)
        if name in self._used:
            return False
        self._used[name] = now_s + 2 * _AGE_S_MAX
        try:
            return bool(await self._redis.execute_command("SET", f"dpop:{name}", 1, "NX", "EX", 2 * _AGE_S_MAX))
        except (RedisError, OSError) as failure:
            _log.warning("proofs remembered here", error_type=type(failure).__name__)
            return True


def _verified(proof: str, thumbprint: str) -> dict[str, Any]:
    if not proof:
        raise ProofInvalid("there is none")
    if len(proof) > _PROOF_BYTES_MAX:
        raise ProofInvalid("it is too long")
    try:
        header = json.loads(urlsafe_b64decode(proof.partition(".")[0] + "=="))
        given = header["jwk"]
        if header["typ"] != "dpop+jwt" or header["alg"] != ALGORITHM or "d" in given:
            raise ProofInvalid("it is no proof")
        key = ECKey.import_key(given)
        if key.thumbprint() != thumbprint:
            raise ProofInvalid("it is signed with another key")
        claims: dict[str, Any] = jwt.decode(proof, key, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ProofInvalid("it is no proof") from None
    return claims


def _digest(token: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
