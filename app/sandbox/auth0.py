"""Auth0: an issuer with two signing keys, and tokens for anybody who asks, as tests need them."""

from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import RSAKey

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.vendor import Answer, Call, Operation, Refusal, Vendor

KEYS = "auth0_keys"
TENANT_CLAIM = "https://wallet.example/tenant"
PERMISSIONS_DEFAULT = ("wallet:read", "wallet:transact")
LIFETIME_S = 86_400
CLIENT_ID_DEFAULT = "sandbox-client"
_KEPT_MAX = 4
"""Retired keys leave the key set after as many rotations, with the tokens they signed."""


class Issuer:
    """Keys and tokens."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._issuer = f"{simulation.config.base_url}/auth0/"
        self._loaded: dict[str, RSAKey] = {}

    async def seed(self) -> None:
        """A current and a next key; stored, so that tokens survive a restart."""
        for role in ("current", "next"):
            if not await self._store.find(KEYS, {"role": role}, limit=1):
                await self._add_key(role)

    async def discovery(self, _call: Call) -> Answer:
        return Answer(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._issuer}authorize",
                "token_endpoint": f"{self._issuer}oauth/token",
                "jwks_uri": f"{self._issuer}.well-known/jwks.json",
                "response_types_supported": ["code", "token", "id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "grant_types_supported": ["client_credentials", "password"],
            }
        )

    async def jwks(self, _call: Call) -> Answer:
        keys = await self._store.find(KEYS, {}, sort=(("number", 1),))
        return Answer({"keys": [_public(key) for key in keys]})

    async def token(self, call: Call) -> Answer:
        asked = _asked(call)
        grant = asked.get("grant_type")
        if grant not in {"client_credentials", "password"}:
            raise refusal(403, "unauthorized_client", "Grant type must be client_credentials or password.")
        if grant == "password" and not isinstance(asked.get("username"), str):
            raise refusal(400, "invalid_request", "Missing required parameter: username")
        claims = self._claims(asked)
        stored = (await self._store.find(KEYS, {"role": "current"}, limit=1))[0]
        key = self._loaded.setdefault(stored["_id"], RSAKey.import_key(stored["jwk"]))
        signed = jwt.encode({"alg": "RS256", "typ": "JWT", "kid": stored["_id"]}, claims, key, algorithms=["RS256"])
        body = {"access_token": signed, "token_type": "Bearer", "expires_in": LIFETIME_S, "scope": claims["scope"]}
        return Answer(body, headers={"Cache-Control": "no-store"})

    async def rotate(self, _call: Call) -> Answer:
        """The next key becomes the current one; the old ones stay in the key set for a while."""
        await self._store.change(KEYS, {"role": "current"}, {"$set": {"role": "retired"}})
        await self._store.change(KEYS, {"role": "next"}, {"$set": {"role": "current"}})
        await self._add_key("next")
        kept = await self._store.find(KEYS, {}, sort=(("number", -1),), limit=_KEPT_MAX)
        await self._store.delete(KEYS, {"_id": {"$nin": [key["_id"] for key in kept]}})
        current = next(key for key in kept if key["role"] == "current")
        return Answer({"kid": current["_id"]})

    async def book(self) -> dict[str, Any]:
        keys = await self._store.find(KEYS, {}, sort=(("number", 1),))
        return {"keys": [{"kid": key["_id"], "role": key["role"]} for key in keys]}

    async def _add_key(self, role: str) -> None:
        key = RSAKey.generate_key(2048, private=True)
        kid = await self._simulation.new_hex("auth0-key", 20)
        number = await self._store.next_number()
        document = {"_id": kid, "role": role, "number": number, "jwk": dict(key.as_dict(private=True))}
        await self._store.put(KEYS, document)

    def _claims(self, asked: dict[str, Any]) -> dict[str, Any]:
        client = str(asked.get("client_id") or CLIENT_ID_DEFAULT)
        permissions = _permissions(asked.get("permissions"))
        issued_at = int(self._simulation.clock.real.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": f"auth0|{asked['username']}" if asked["grant_type"] == "password" else f"{client}@clients",
            "aud": asked.get("audience") or self._simulation.config.audience,
            "azp": client,
            "iat": issued_at,
            "exp": issued_at + LIFETIME_S,
            "scope": " ".join(permissions),
            "permissions": permissions,
        }
        if asked["grant_type"] == "client_credentials":
            claims["gty"] = "client-credentials"
        if asked.get("tenant"):
            claims[TENANT_CLAIM] = str(asked["tenant"])
        return claims | _overrides(asked.get("claims"))


def auth0(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    issuer = Issuer(simulation)
    return Vendor(
        name="auth0",
        operations=(
            Operation("discovery", "GET", "/.well-known/openid-configuration", issuer.discovery),
            Operation("jwks", "GET", "/.well-known/jwks.json", issuer.jwks),
            Operation("token", "POST", "/oauth/token", issuer.token),
            Operation("rotate", "POST", "/rotate", issuer.rotate),
        ),
        refuse=lambda status, message: refusal(status, "too_many_requests" if status == 429 else "error", message),
        decline=lambda _call: refusal(403, "access_denied", "The request was declined."),
        authenticate=lambda _call: None,
        book=issuer.book,
        collections={KEYS: ()},
        lasting=frozenset({KEYS}),
        seed=issuer.seed,
    )


def refusal(status: int, error: str, description: str) -> Refusal:
    return Refusal(status, {"error": error, "error_description": description})


def _asked(call: Call) -> dict[str, Any]:
    """The parameters, from JSON or from a form."""
    if "x-www-form-urlencoded" in call.header("content-type"):
        return dict(parse_qsl(call.body.decode("utf-8", "replace")))
    try:
        asked = call.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise refusal(400, "invalid_request", "The body is neither a JSON object nor a form.")
    return asked


def _permissions(given: Any) -> list[str]:
    if given is None:
        return list(PERMISSIONS_DEFAULT)
    return given.split() if isinstance(given, str) else [str(permission) for permission in given]


def _overrides(given: Any) -> dict[str, Any]:
    """Claims a test wants otherwise; None leaves one out of nothing, it is sent as null."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise refusal(400, "invalid_request", "claims must be an object")
    return given


def _public(key: Document) -> dict[str, Any]:
    jwk = key["jwk"]
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key["_id"], "n": jwk["n"], "e": jwk["e"]}
