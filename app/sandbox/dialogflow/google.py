"""Google, as far as a webhook sees it: a key set, and ID tokens for the agent's service account."""

from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from app.sandbox.simulation import Simulation
from app.sandbox.vendor import Answer, Call

KEYS = "dialogflow_keys"
ISSUER = "https://accounts.google.com"
LIFETIME_S = 3_600
_SUBJECT = "100000000000000000001"


class Google:
    """One key, and what is signed with it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._loaded: dict[str, RSAKey] = {}

    async def seed(self) -> None:
        """The key, made once."""
        if not await self._store.find(KEYS, {}, limit=1):
            key = RSAKey.generate_key(2048, private=True)
            kid = await self._simulation.new_hex("google-key", 40)
            await self._store.put(KEYS, {"_id": kid, "jwk": dict(key.as_dict(private=True))})

    async def certs(self, _call: Call) -> Answer:
        keys = await self._store.find(KEYS, {})
        public = [{name: key["jwk"][name] for name in ("kty", "n", "e")} | {"kid": key["_id"]} for key in keys]
        return Answer({"keys": [{**key, "use": "sig", "alg": "RS256"} for key in public]})

    async def token(self) -> str:
        """By the real time, because that is what the wallet compares with."""
        (stored,) = await self._store.find(KEYS, {}, limit=1)
        key = self._loaded.setdefault(stored["_id"], RSAKey.import_key(stored["jwk"]))
        config, issued_at = self._simulation.config, int(self._simulation.clock.real.now().timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": config.dialogflow_audience,
            "azp": config.dialogflow_service_account,
            "sub": _SUBJECT,
            "email": config.dialogflow_service_account,
            "email_verified": True,
            "iat": issued_at,
            "exp": issued_at + LIFETIME_S,
        }
        return jwt.encode({"alg": "RS256", "kid": stored["_id"], "typ": "JWT"}, claims, key, algorithms=["RS256"])
