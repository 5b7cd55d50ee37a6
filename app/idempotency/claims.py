"""Claims on an Idempotency-Key, and the answers remembered under it, in Redis.

A claim is a key set only if absent, carrying a random owner token, with a lifetime: a crash cannot leave it
"in progress" for ever. It is given up, or replaced by the answer, only by its owner. Whether a thing was done is
decided elsewhere, by the ids derived from the key; so when Redis is away, requests simply go on without a claim.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Protocol, cast

import orjson
import structlog
from redis.exceptions import RedisError

from app.clock import Clock
from app.errors import IdempotencyInProgress, IdempotencyKeyReused
from app.ids import derived_id

_RUNNING_S = 30
_REMEMBERED_S = 86_400
_AWAY_S = 1.0

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
_REMEMBER = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 0
"""

_log = structlog.get_logger(__name__)


class ExecutesCommands(Protocol):
    """Redis, or whoever carries commands to it."""

    async def execute_command(self, *words: Any, **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class KeyScope:
    """Whose key it is: the same key of another caller, or on another route, is another key."""

    tenant: str
    user_id: str
    method: str
    template: str
    key: str

    @property
    def redis_key(self) -> str:
        """The key in Redis: nothing that a caller wrote can be read in it."""
        return "idem:" + derived_id("idk", self.tenant, self.user_id, self.method, self.template, self.key)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it was first given. ``headers`` are those that belong to the content."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a request; only its holder can give it up or replace it by an answer."""

    redis_key: str
    marker: bytes
    fingerprint: str


class Claims:
    """Claims and remembered answers. After a failure Redis is left alone for a second, and logged once."""

    def __init__(self, redis: ExecutesCommands, clock: Clock, *, running_s: int = _RUNNING_S) -> None:
        self._redis = redis
        self._clock = clock
        self._running_s = running_s
        self._away_until: datetime | None = None

    async def claim(self, scope: KeyScope, fingerprint: str) -> Claim | Answer | None:
        """A claim if the request is new, the answer if it was answered before, None if Redis is away.

        Raises IdempotencyInProgress while the first one runs, IdempotencyKeyReused when it had other content.
        """
        marker = orjson.dumps({"owner": token_hex(16), "fingerprint": fingerprint})
        claim = Claim(scope.redis_key, marker, fingerprint)
        if self._away():
            return None
        try:
            found = await self._redis.execute_command(
                "SET", claim.redis_key, marker, "NX", "GET", "EX", self._running_s, get=True
            )
        except (RedisError, OSError) as failure:
            self._leave_alone(failure)
            return None
        return claim if found is None else _read(cast("bytes", found), fingerprint)

    async def remember(self, claim: Claim, answer: Answer) -> None:
        """Replace the claim by its answer, for a day."""
        record = {
            "fingerprint": claim.fingerprint,
            "status": answer.status,
            "headers": answer.headers,
            "body": b64encode(answer.body).decode(),
        }
        await self._as_owner(_REMEMBER, claim, orjson.dumps(record), _REMEMBERED_S)

    async def release(self, claim: Claim) -> None:
        """Give the claim up: the next request with this key runs."""
        await self._as_owner(_RELEASE, claim)

    async def _as_owner(self, script: str, claim: Claim, *args: bytes | int) -> None:
        if self._away():
            return
        try:
            await self._redis.execute_command("EVAL", script, 1, claim.redis_key, claim.marker, *args)
        except (RedisError, OSError) as failure:
            self._leave_alone(failure)

    def _away(self) -> bool:
        return self._away_until is not None and self._clock.now() < self._away_until

    def _leave_alone(self, failure: Exception) -> None:
        self._away_until = self._clock.now() + timedelta(seconds=_AWAY_S)
        _log.warning("idempotency claims unavailable", error_type=type(failure).__name__)


def _read(found: bytes, fingerprint: str) -> Answer:
    record = orjson.loads(found)
    if record["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    if "status" not in record:
        raise IdempotencyInProgress
    headers = tuple((name, value) for name, value in record["headers"])
    return Answer(record["status"], headers, b64decode(record["body"]))
