"""Every known way to forge, borrow or outlive a token, and the tokens that must work."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.clock import ManualClock
from app.errors import TokenInvalid
from app.identity.keys import IssuerKeys
from app.identity.permissions import Permission
from app.identity.tokens import AccessTokens
from tests.issuer import AUDIENCE, ISSUER, TENANT_CLAIM, Issuer, rsa_key

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(NOW)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def tokens(issuer: Issuer, clock: ManualClock) -> AsyncIterator[AccessTokens]:
    async with issuer.client() as http:
        yield access_tokens(IssuerKeys(ISSUER, http, clock), clock)


def access_tokens(keys: IssuerKeys, clock: ManualClock, **limits: int) -> AccessTokens:
    return AccessTokens(issuer=ISSUER, audience=AUDIENCE, tenant_claim="", keys=keys, clock=clock, **limits)


def encoded(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(issuer: Issuer, algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(issuer.claims())}."


def forged_with_public_key(issuer: Issuer, encoding: Encoding) -> str:
    """HS256 over the public key's bytes: accepted by verifiers that let the token choose the algorithm."""
    secret = issuer.current.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    message = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(issuer.claims())}"
    signature = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def with_header(issuer: Issuer, **header: Any) -> str:
    return issuer.token(header=header)


def signed_by_a_stranger(issuer: Issuer, **header: Any) -> str:
    """Signed with a key of the attacker's own, under the id of a published one."""
    mine = rsa_key("stranger")
    stranger = Issuer(NOW)
    stranger.current = mine
    return stranger.token(header={"kid": "key-1", **header})


def with_claims_swapped(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{encoded(issuer.claims(sub='auth0|mallory'))}.{signature}"


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda issuer: unsigned(issuer, "none"),
    "alg none with a signature": lambda issuer: unsigned(issuer, "none") + "c2ln",
    "alg NONE": lambda issuer: unsigned(issuer, "NONE") + "c2ln",
    "alg RS256 without a signature": lambda issuer: unsigned(issuer, "RS256"),
    "alg HS256 over the PEM of the public key": lambda issuer: forged_with_public_key(issuer, Encoding.PEM),
    "alg HS256 over the DER of the public key": lambda issuer: forged_with_public_key(issuer, Encoding.DER),
    "another key under a known id": signed_by_a_stranger,
    "another key that brings itself along": lambda issuer: signed_by_a_stranger(
        issuer, jwk=rsa_key("stranger").as_dict(private=False)
    ),
    "claims changed after signing": with_claims_swapped,
    "header jwk": lambda issuer: with_header(issuer, jwk=rsa_key("key-1").as_dict(private=False)),
    "header jku": lambda issuer: with_header(issuer, jku="https://evil.test/jwks.json"),
    "header x5u": lambda issuer: with_header(issuer, x5u="https://evil.test/cert.pem"),
    "header x5c": lambda issuer: with_header(issuer, x5c=["AAAA"]),
    "header without kid": lambda issuer: with_header(issuer, kid=None),
    "header kid that walks": lambda issuer: with_header(issuer, kid="../../../../dev/null"),
    "header kid that is empty": lambda issuer: with_header(issuer, kid=""),
    "header kid that is long": lambda issuer: with_header(issuer, kid="k" * 200),
    "header kid unknown": lambda issuer: with_header(issuer, kid="key-2"),
    "header typ of an ID token": lambda issuer: with_header(issuer, typ="id+jwt"),
    "header typ of a logout token": lambda issuer: with_header(issuer, typ="logout+jwt"),
    "exp as text": lambda issuer: issuer.token(exp=str(NOW_S + 3_600)),
    "exp as a fraction": lambda issuer: issuer.token(exp=NOW_S + 0.5),
    "exp as true": lambda issuer: issuer.token(exp=True),
    "exp missing": lambda issuer: issuer.token(exp=None),
    "exp passed": lambda issuer: issuer.token(exp=NOW_S - 61),
    "nbf ahead": lambda issuer: issuer.token(nbf=NOW_S + 61),
    "nbf as text": lambda issuer: issuer.token(nbf="0"),
    "nbf as true": lambda issuer: issuer.token(nbf=True),
    "iat ahead": lambda issuer: issuer.token(iat=NOW_S + 61),
    "aud missing": lambda issuer: issuer.token(aud=None),
    "aud of another service": lambda issuer: issuer.token(aud="https://other.example"),
    "aud that contains ours in its text": lambda issuer: issuer.token(aud=f"{AUDIENCE}.evil.test"),
    "aud list without ours": lambda issuer: issuer.token(aud=["https://other.example"]),
    "iss missing": lambda issuer: issuer.token(iss=None),
    "iss without its slash": lambda issuer: issuer.token(iss=ISSUER.rstrip("/")),
    "iss of another tenant": lambda issuer: issuer.token(iss="https://evil.test/"),
    "sub missing": lambda issuer: issuer.token(sub=None),
    "sub empty": lambda issuer: issuer.token(sub=""),
    "permissions as text": lambda issuer: issuer.token(permissions="wallet:read wallet:transact"),
    "permissions of numbers": lambda issuer: issuer.token(permissions=[1]),
    "not a token": lambda _: "opaque",
    "empty": lambda _: "",
    "five parts": lambda _: "a.b.c.d.e",
    "header that is no JSON": lambda issuer: "AAAA" + issuer.token()[4:],
    "header that is a list": lambda issuer: f"{encoded([])}.{issuer.token().partition('.')[2]}",
    "too long": lambda issuer: issuer.token(padding="x" * 9_000),
}


@pytest.mark.parametrize("attack", FORGERIES)
async def test_a_token_that_fails_any_check_is_refused(attack: str, issuer: Issuer, tokens: AccessTokens) -> None:
    forged = FORGERIES[attack](issuer)

    with pytest.raises(TokenInvalid) as refusal:
        await tokens.principal(forged)

    assert len(forged) < 8 or forged not in str(refusal.value)


async def test_crit_is_refused_even_with_a_good_signature(issuer: Issuer, tokens: AccessTokens) -> None:
    good = issuer.token().split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    body = f"{encoded({**header, 'crit': ['exp'], 'exp': 1})}.{encoded(issuer.claims())}"

    with pytest.raises(TokenInvalid, match="more than a signature check"):
        await tokens.principal(f"{body}.c2ln")


GENUINE: dict[str, dict[str, Any]] = {
    "as the issuer makes it": {},
    "audience among others": {"aud": ["https://issuer.test/userinfo", AUDIENCE]},
    "expired within the leeway": {"exp": NOW_S - 59},
    "issued by a clock slightly ahead": {"iat": NOW_S + 59},
    "RFC 9068 profile": {"header": {"typ": "at+jwt"}},
    "no typ": {"header": {"typ": None}},
}


@pytest.mark.parametrize("kind", GENUINE)
async def test_a_genuine_token_names_its_caller(kind: str, issuer: Issuer, tokens: AccessTokens) -> None:
    principal = await tokens.principal(issuer.token(**GENUINE[kind]))

    assert principal.subject == "auth0|alice"
    assert principal.tenant == "default"
    assert principal.permissions == {Permission.WALLET_READ, Permission.WALLET_TRANSACT}


async def test_permissions_that_we_do_not_know_give_nothing(issuer: Issuer, tokens: AccessTokens) -> None:
    principal = await tokens.principal(issuer.token(permissions=["wallet:read", "wallet:*", "admin"]))

    assert principal.permissions == {Permission.WALLET_READ}


async def test_a_remembered_token_is_forgotten_when_it_expires(
    issuer: Issuer, tokens: AccessTokens, clock: ManualClock
) -> None:
    token = issuer.token(exp=NOW_S + 10)
    await tokens.principal(token)

    clock.advance(71)

    with pytest.raises(TokenInvalid, match="expired"):
        await tokens.principal(token)


async def test_a_withdrawn_key_is_honoured_for_remembered_tokens_only_for_a_while(
    issuer: Issuer, tokens: AccessTokens, clock: ManualClock
) -> None:
    token = issuer.token()
    await tokens.principal(token)
    issuer.published.clear()
    issuer.rotate("key-2")

    clock.advance(599)
    await tokens.principal(token)

    clock.advance(2)
    with pytest.raises(TokenInvalid, match="unknown key"):
        await tokens.principal(token)


async def test_the_memory_of_verified_tokens_is_bounded(issuer: Issuer, clock: ManualClock) -> None:
    async with issuer.client() as http:
        tokens = access_tokens(IssuerKeys(ISSUER, http, clock), clock, remembered_max=3)
        for number in range(5):
            await tokens.principal(issuer.token(sub=f"auth0|{number}"))

    assert len(tokens._remembered) == 3


@pytest.mark.parametrize("tenant", [None, "", "Acme", "a/b", "../acme", "a" * 33, 7, ["acme"]])
async def test_a_tenant_must_be_named_properly(tenant: object, issuer: Issuer, clock: ManualClock) -> None:
    async with issuer.client() as http:
        keys = IssuerKeys(ISSUER, http, clock)
        tokens = AccessTokens(issuer=ISSUER, audience=AUDIENCE, tenant_claim=TENANT_CLAIM, keys=keys, clock=clock)
        with pytest.raises(TokenInvalid, match="tenant"):
            await tokens.principal(issuer.token(**{TENANT_CLAIM: tenant}))


async def test_the_same_person_is_somebody_else_in_another_tenant(issuer: Issuer, clock: ManualClock) -> None:
    async with issuer.client() as http:
        keys = IssuerKeys(ISSUER, http, clock)
        tokens = AccessTokens(issuer=ISSUER, audience=AUDIENCE, tenant_claim=TENANT_CLAIM, keys=keys, clock=clock)
        here = await tokens.principal(issuer.token(**{TENANT_CLAIM: "acme"}))
        there = await tokens.principal(issuer.token(**{TENANT_CLAIM: "globex"}))

    assert (here.book, there.book) == ("acme", "globex")
    assert here.stored_user_id != there.stored_user_id
