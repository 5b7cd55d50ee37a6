"""Every known way to forge, borrow or outlive a token, and the tokens that must work."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app.clock import ManualClock
from app.errors import TokenInvalid
from app.identity.issuers import TrustedIssuer
from app.identity.keys import IssuerKeys
from app.identity.permissions import Permission
from app.identity.tokens import AccessTokens
from tests.attacks.forgeries import FORGERIES, Forgery
from tests.issuer import AUDIENCE, ISSUER, KEYS, TENANT_CLAIM, Issuer

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
        yield access_tokens(IssuerKeys(KEYS, http, clock), clock)


def access_tokens(keys: IssuerKeys, clock: ManualClock, tenant_claim: str = "", **limits: int) -> AccessTokens:
    issuer = TrustedIssuer(ISSUER, AUDIENCE, keys, tenant_claim=tenant_claim)
    return AccessTokens(issuers=[issuer], clock=clock, **limits)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda each: each.name)
async def test_a_token_that_fails_any_check_is_refused(forgery: Forgery, issuer: Issuer, tokens: AccessTokens) -> None:
    forged = forgery.make(issuer)

    with pytest.raises(TokenInvalid) as refusal:
        await tokens.principal(forged)

    assert len(forged) < 8 or forged not in str(refusal.value)


@pytest.mark.parametrize("empty", ["", "."])
async def test_nothing_is_no_token(empty: str, tokens: AccessTokens) -> None:
    with pytest.raises(TokenInvalid):
        await tokens.principal(empty)


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
        tokens = access_tokens(IssuerKeys(KEYS, http, clock), clock, remembered_max=3)
        for number in range(5):
            await tokens.principal(issuer.token(sub=f"auth0|{number}"))

    assert len(tokens._remembered) == 3


@pytest.mark.parametrize("tenant", [None, "", "Acme", "a/b", "../acme", "a" * 33, 7, ["acme"]])
async def test_a_tenant_must_be_named_properly(tenant: object, issuer: Issuer, clock: ManualClock) -> None:
    async with issuer.client() as http:
        keys = IssuerKeys(KEYS, http, clock)
        tokens = access_tokens(keys, clock, TENANT_CLAIM)
        with pytest.raises(TokenInvalid, match="tenant"):
            await tokens.principal(issuer.token(**{TENANT_CLAIM: tenant}))


async def test_the_same_person_is_somebody_else_in_another_tenant(issuer: Issuer, clock: ManualClock) -> None:
    async with issuer.client() as http:
        keys = IssuerKeys(KEYS, http, clock)
        tokens = access_tokens(keys, clock, TENANT_CLAIM)
        here = await tokens.principal(issuer.token(**{TENANT_CLAIM: "acme"}))
        there = await tokens.principal(issuer.token(**{TENANT_CLAIM: "globex"}))

    assert (here.book, there.book) == ("acme", "globex")
    assert here.stored_user_id != there.stored_user_id
