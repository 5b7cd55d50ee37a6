"""Tokens that are bound to a key (RFC 9449, ASVS 10.3.5): worthless without it, and each proof good once."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from redis.asyncio import Redis

from app.clock import ManualClock
from app.errors import ProofInvalid
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.identity.proofs import Proofs, Use
from app.ids import new_id
from app.middleware.authentication import Callers
from app.plumbing.redis import connect_redis
from tests.middleware.toys import Toy

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
URL = "https://api.wallet.example/v1/transfers"
TOKEN = "header.claims.signature"


def digest(token: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


def proof(key: ECKey = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A proof for the use below, with those members changed; None leaves one out."""
    full = {"htm": "POST", "htu": URL, "iat": NOW_S, "jti": new_id("jti"), "ath": digest(TOKEN), **claims}
    stated = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False), **(header or {})}
    said = {name: value for name, value in full.items() if value is not None}
    return jwt.encode(stated, said, key, algorithms=["ES256"], default_type=None)


def by_hand(header: dict[str, Any]) -> str:
    """What no library would write; nothing signs it."""
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, {}, ""))


USE = Use("POST", URL, TOKEN, KEY.thumbprint())

BAD: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "not a token": lambda: "a.b.c",
    "too long": lambda: proof(padding="x" * 5_000),
    "signed with another key": lambda: proof(OTHER),
    "another key's signature under this key": lambda: proof(OTHER, {"jwk": KEY.as_dict(private=False)}),
    "an access token": lambda: proof(header={"typ": "at+jwt"}),
    "a private key in it": lambda: proof(header={"jwk": KEY.as_dict(private=True)}),
    "an RSA key": lambda: by_hand(
        {"typ": "dpop+jwt", "alg": "ES256", "jwk": RSAKey.generate_key(2048).as_dict(private=False)}
    ),
    "a shared secret": lambda: proof(header={"jwk": OctKey.generate_key(256).as_dict()}),
    "no key": lambda: by_hand({"typ": "dpop+jwt", "alg": "ES256"}),
    "a key that is text": lambda: by_hand({"typ": "dpop+jwt", "alg": "ES256", "jwk": "key"}),
    "alg none": lambda: by_hand({"typ": "dpop+jwt", "alg": "none", "jwk": KEY.as_dict(private=False)}),
    "for another method": lambda: proof(htm="GET"),
    "for another path": lambda: proof(htu="https://api.wallet.example/v1/accounts"),
    "for another host": lambda: proof(htu="https://evil.test/v1/transfers"),
    "without a method": lambda: proof(htm=None),
    "for another token": lambda: proof(ath=digest("another")),
    "for no token": lambda: proof(ath=None),
    "of two minutes ago": lambda: proof(iat=NOW_S - 61),
    "of the next minute": lambda: proof(iat=NOW_S + 61),
    "of no time": lambda: proof(iat=None),
    "of a time that is text": lambda: proof(iat=str(NOW_S)),
    "without an id": lambda: proof(jti=None),
    "with an id that is empty": lambda: proof(jti=""),
    "with an id that is long": lambda: proof(jti="x" * 129),
}


@pytest.fixture
def proofs(redis: Redis) -> Proofs:
    return Proofs(redis, ManualClock(NOW))


@pytest.mark.parametrize("kind", BAD)
async def test_a_proof_that_fails_any_check_is_refused(kind: str, proofs: Proofs) -> None:
    with pytest.raises(ProofInvalid):
        await proofs.require(BAD[kind](), USE)


async def test_a_proof_is_good_once_whichever_process_sees_it(redis: Redis) -> None:
    here, elsewhere = (Proofs(redis, ManualClock(NOW)) for _ in range(2))
    given = proof()
    await here.require(given, USE)

    for process in (here, elsewhere):
        with pytest.raises(ProofInvalid, match="used before"):
            await process.require(given, USE)
    await elsewhere.require(proof(), USE)


async def test_without_redis_each_process_remembers_for_itself(tmp_path: Path) -> None:
    proofs = Proofs(connect_redis(f"unix://{tmp_path}/nobody-listens"), ManualClock(NOW))
    given = proof()
    await proofs.require(given, USE)

    with pytest.raises(ProofInvalid, match="used before"):
        await proofs.require(given, USE)


class Partners:
    """Whose token is whose name; Ada's are bound to her key."""

    async def principal(self, token: str) -> Principal:
        thumbprint = KEY.thumbprint() if token == "ada" else None
        tenant = "strict" if token == "sid" else "default"
        return Principal("usr_x", tenant, "i", token, frozenset(Permission), key_thumbprint=thumbprint)


# the scheme, the token, whether a proof comes with it: the status
AT_THE_DOOR = (
    ("Bearer", "bob", False, 200),
    ("DPoP", "bob", False, 401),
    ("Bearer", "ada", False, 401),
    ("DPoP", "ada", False, 401),
    ("DPoP", "ada", True, 200),
    ("Bearer", "ada", True, 200),
    ("Bearer", "sid", False, 401),
)


@pytest.mark.parametrize(("scheme", "token", "proven", "status"), AT_THE_DOOR)
async def test_a_bound_token_opens_only_with_its_key(
    scheme: str,
    token: str,
    proven: bool,  # noqa: FBT001 - a column
    status: int,
    proofs: Proofs,
    toy: Toy,
) -> None:
    callers = Callers(Partners(), proofs, frozenset({"strict"}), "https://api.wallet.example")
    sent = {"Authorization": f"{scheme} {token}"}
    if proven:
        sent["DPoP"] = proof(htm="GET", htu="https://api.wallet.example/v1/things/1", ath=digest(token))
    async with toy.between(callers) as client:
        answer = await client.get("/v1/things/1?q=not-part-of-it", headers=sent)

    assert answer.status_code == status, answer.text
    if status == 401:
        assert answer.json()["code"] == "proof-invalid"
        assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_dpop_proof", algs="ES256')
