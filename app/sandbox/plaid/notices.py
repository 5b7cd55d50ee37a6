"""Plaid's webhooks: indented JSON, proved by an ES256 token over the hash of the raw body."""

import hashlib
import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from app.sandbox.plaid.wire import body_of, refusal
from app.sandbox.simulation import Simulation
from app.sandbox.vendor import Answer, Call

KEYS = "plaid_keys"


def body_hash(body: bytes) -> str:
    """``request_body_sha256``: hex SHA-256 of the raw body."""
    return hashlib.sha256(body).hexdigest()


class Notices:
    """The webhook key, and what is sent with it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    async def seed(self) -> None:
        """One webhook key, made once."""
        if not await self._store.find(KEYS, {}, limit=1):
            key = ECKey.generate_key("P-256", private=True)
            kid = await self._simulation.new_uuid("plaid-key")
            now = self._simulation.clock.real.now()
            await self._store.put(KEYS, {"_id": kid, "jwk": dict(key.as_dict(private=True)), "created_at": now})

    async def sign(self, body: bytes) -> dict[str, str]:
        """The proof is five minutes old at most when checked, so every attempt has its own."""
        (stored,) = await self._store.find(KEYS, {}, limit=1)
        claims = {"iat": int(self._simulation.clock.real.now().timestamp()), "request_body_sha256": body_hash(body)}
        header = {"alg": "ES256", "kid": stored["_id"], "typ": "JWT"}
        key = ECKey.import_key(stored["jwk"])
        return {"Plaid-Verification": jwt.encode(header, claims, key, algorithms=["ES256"])}

    async def tell(self, item_id: str, kind: str, code: str, *, error: Any = None) -> None:
        body = {
            "webhook_type": kind,
            "webhook_code": code,
            "item_id": item_id,
            "error": error,
            "environment": "sandbox",
        }
        await self._simulation.webhooks.post("plaid", json.dumps(body, indent=2))

    async def get_verification_key(self, call: Call) -> Answer:
        key_id = body_of(call).get("key_id")
        stored = await self._store.get(KEYS, key_id) if isinstance(key_id, str) else None
        if stored is None:
            raise refusal(400, "INVALID_INPUT", "INVALID_WEBHOOK_VERIFICATION_KEY_ID", "there is no such key")
        public = {name: stored["jwk"][name] for name in ("crv", "kty", "x", "y")}
        created_at = int(stored["created_at"].timestamp())
        key = {**public, "alg": "ES256", "use": "sig", "kid": stored["_id"]}
        request_id = await self._simulation.new_hex("plaid-request", 15)
        return Answer({"key": {**key, "created_at": created_at, "expired_at": None}, "request_id": request_id})
