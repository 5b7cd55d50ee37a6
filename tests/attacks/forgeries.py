"""Every known way to forge, borrow or outlive an access token, each with the rule that forbids it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.issuer import AUDIENCE, ISSUER, Issuer, rsa_key


@dataclass(frozen=True, slots=True)
class Forgery:
    """``make`` forges the token of somebody who can read everything that the issuer publishes."""

    name: str
    rule: str
    make: Callable[[Issuer], str]


def encoded(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(issuer: Issuer, algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(issuer.claims())}."


def signed_with_public_key(issuer: Issuer, encoding: Encoding) -> str:
    """HS256 over the public key's bytes: accepted by verifiers that let the token choose the algorithm."""
    secret = issuer.current.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    message = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(issuer.claims())}"
    signature = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def signed_by_a_stranger(issuer: Issuer, **header: Any) -> str:
    """Signed with a key of the attacker's own, under the id of a published one."""
    stranger = Issuer(issuer.now)
    stranger.current = rsa_key("stranger")
    return stranger.token(header={"kid": "key-1", **header})


def with_claims_swapped(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{encoded(issuer.claims(sub='auth0|mallory'))}.{signature}"


def with_critical_header(issuer: Issuer) -> str:
    header = {"alg": "RS256", "typ": "JWT", "kid": "key-1", "crit": ["exp"], "exp": 1}
    return f"{encoded(header)}.{encoded(issuer.claims())}.c2ln"


def header(**changes: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(header=changes)


def claims(**changes: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(**changes)


def at(name: str, after_s: int) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(**{name: int(issuer.now.timestamp()) + after_s})


_KEYS = "ASVS 9.1.3, RFC 8725 3.10"
_ALGORITHM = "ASVS 9.1.2, RFC 8725 3.1"
_SIGNATURE = "ASVS 9.1.1, RFC 8725 3.3"
_TIME = "ASVS 9.2.1, RFC 7519 4.1"
_AUDIENCE = "ASVS 9.2.3, RFC 8725 3.9"
_ISSUER = "ASVS 10.3.3, RFC 8725 3.8"
_TYPE = "ASVS 9.2.2, RFC 8725 3.11"
_SHAPE = "ASVS 15.3.5, RFC 7519 7.2"

FORGERIES = (
    Forgery("alg none", _ALGORITHM, lambda issuer: unsigned(issuer, "none")),
    Forgery("alg none with a signature", _ALGORITHM, lambda issuer: unsigned(issuer, "none") + "c2ln"),
    Forgery("alg NONE", _ALGORITHM, lambda issuer: unsigned(issuer, "NONE") + "c2ln"),
    Forgery("alg RS256 without a signature", _SIGNATURE, lambda issuer: unsigned(issuer, "RS256")),
    Forgery("HS256 over the public key's PEM", _ALGORITHM, lambda i: signed_with_public_key(i, Encoding.PEM)),
    Forgery("HS256 over the public key's DER", _ALGORITHM, lambda i: signed_with_public_key(i, Encoding.DER)),
    Forgery("another key under a known id", _SIGNATURE, signed_by_a_stranger),
    Forgery(
        "another key that brings itself along",
        _KEYS,
        lambda issuer: signed_by_a_stranger(issuer, jwk=rsa_key("stranger").as_dict(private=False)),
    ),
    Forgery("claims changed after signing", _SIGNATURE, with_claims_swapped),
    Forgery("header jwk", _KEYS, lambda issuer: issuer.token(header={"jwk": rsa_key("key-1").as_dict(private=False)})),
    Forgery("header jku", _KEYS, header(jku="https://evil.test/jwks.json")),
    Forgery("header x5u", _KEYS, header(x5u="https://evil.test/cert.pem")),
    Forgery("header x5c", _KEYS, header(x5c=["AAAA"])),
    Forgery("header crit", _KEYS, with_critical_header),
    Forgery("header without kid", _KEYS, header(kid=None)),
    Forgery("header kid that walks", _KEYS, header(kid="../../../../dev/null")),
    Forgery("header kid that queries", _KEYS, header(kid="' or '1'='1")),
    Forgery("header kid that is empty", _KEYS, header(kid="")),
    Forgery("header kid that is long", _KEYS, header(kid="k" * 200)),
    Forgery("header kid unknown", _KEYS, header(kid="key-2")),
    Forgery("typ of an ID token", _TYPE, header(typ="id+jwt")),
    Forgery("typ of a logout token", _TYPE, header(typ="logout+jwt")),
    Forgery("typ of a proof of possession", _TYPE, header(typ="dpop+jwt")),
    Forgery("exp as text", _TIME, lambda issuer: issuer.token(exp=str(issuer.claims()["exp"]))),
    Forgery("exp as a fraction", _TIME, lambda issuer: issuer.token(exp=issuer.claims()["exp"] + 0.5)),
    Forgery("exp as true", _TIME, claims(exp=True)),
    Forgery("exp missing", _TIME, claims(exp=None)),
    Forgery("exp passed", _TIME, at("exp", -61)),
    Forgery("nbf ahead", _TIME, at("nbf", 61)),
    Forgery("nbf as text", _TIME, claims(nbf="0")),
    Forgery("nbf as true", _TIME, claims(nbf=True)),
    Forgery("iat ahead", _TIME, at("iat", 61)),
    Forgery("aud missing", _AUDIENCE, claims(aud=None)),
    Forgery("aud of another service", _AUDIENCE, claims(aud="https://other.example")),
    Forgery("aud that contains ours in its text", _AUDIENCE, claims(aud=f"{AUDIENCE}.evil.test")),
    Forgery("aud list without ours", _AUDIENCE, claims(aud=["https://other.example"])),
    Forgery("iss missing", _ISSUER, claims(iss=None)),
    Forgery("iss without its slash", _ISSUER, claims(iss=ISSUER.rstrip("/"))),
    Forgery("iss of somebody else", _ISSUER, claims(iss="https://evil.test/")),
    Forgery("iss as a list", _ISSUER, claims(iss=[ISSUER])),
    Forgery("sub missing", _ISSUER, claims(sub=None)),
    Forgery("sub empty", _ISSUER, claims(sub="")),
    Forgery("permissions as text", _SHAPE, claims(permissions="wallet:read wallet:transact")),
    Forgery("permissions of numbers", _SHAPE, claims(permissions=[1])),
    Forgery("not a token", _SHAPE, lambda _: "opaque"),
    Forgery("five parts", _SHAPE, lambda _: "a.b.c.d.e"),
    Forgery("header that is no JSON", _SHAPE, lambda issuer: "AAAA" + issuer.token()[4:]),
    Forgery("header that is a list", _SHAPE, lambda issuer: f"{encoded([])}.{issuer.token().partition('.')[2]}"),
    Forgery("too long", _SHAPE, claims(padding="x" * 9_000)),
)
