"""An identity issuer for tests: it signs what it is told to, and publishes its keys over HTTP."""

from datetime import datetime
from functools import cache
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

ISSUER = "https://issuer.test/"
KEYS = "https://issuer.test/.well-known/jwks.json"
AUDIENCE = "https://api.wallet.example"
TENANT_CLAIM = "https://wallet.example/tenant"
CUSTOMER = ("wallet:read", "wallet:transact")


@cache
def rsa_key(name: str) -> RSAKey:
    """A private key of 2048 bits, made once per test run."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


class Issuer:
    """Issues tokens at the given moment. ``down`` answers 503; ``fetches`` counts reads of the key set."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.current = rsa_key("key-1")
        self.published: list[dict[str, Any]] = [self.current.as_dict(private=False)]
        self.fetches = 0
        self.down = False

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self))

    def rotate(self, name: str) -> None:
        """Sign with another key from now on; the old one stays published."""
        self.current = rsa_key(name)
        self.published.append(self.current.as_dict(private=False))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A customer's claims; a change to None leaves the claim out."""
        issued_s = int(self.now.timestamp())
        claims = {
            "iss": ISSUER,
            "sub": "auth0|alice",
            "aud": AUDIENCE,
            "iat": issued_s,
            "exp": issued_s + 3_600,
            "permissions": list(CUSTOMER),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, header: Any = None, **changes: Any) -> str:
        """A signed token with those claims and header members changed."""
        full = {"alg": "RS256", "typ": "JWT", "kid": self.current.kid, **(header or {})}
        stated = {name: value for name, value in full.items() if value is not None}
        return jwt.encode(stated, self.claims(**changes), self.current, algorithms=["RS256"], default_type=None)

    def authorization(self, **changes: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(**changes)}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"] == "/.well-known/jwks.json"
        self.fetches += 1
        answer: Response = Response(status_code=503) if self.down else JSONResponse({"keys": self.published})
        await answer(scope, receive, send)
