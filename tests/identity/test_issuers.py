"""Tokens of several issuers, each with habits of its own, by configuration alone; and issuers that come and go."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.errors import TokenInvalid
from app.identity.configured import access_tokens
from app.identity.permissions import Permission
from app.identity.tokens import AccessTokens
from app.settings import Settings
from tests.issuer import AUDIENCE, ISSUER, Issuer, rsa_key

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
OTHER = "https://id.partner.example/realms/wallet"
OTHER_AUDIENCE = "wallet-api"
FURTHER = {
    OTHER: {
        "audience": OTHER_AUDIENCE,
        "keys_url": f"{OTHER}/protocol/openid-connect/certs",
        "tenant": "partner",
        "permissions_claim": "scope",
    }
}


class Provider(Issuer):
    """An OpenID provider as others make them: no closing slash, keys elsewhere, RFC 9068 tokens, scopes in a string."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.current = rsa_key("3f9e-partner")
        self.published = [self.current.as_dict(private=False)]

    def token(self, header: Any = None, **changes: Any) -> str:
        habits = {
            "iss": OTHER,
            "sub": "5c1b9a2e-1d0f-4a53-9a6e-2b1f7f0c9d11",
            "aud": [OTHER_AUDIENCE, "account"],
            "client_id": "mobile",
            "jti": "b7f1",
            "scope": "openid wallet:read profile wallet:transact",
            "permissions": None,
        }
        return super().token({"typ": "at+jwt", **(header or {})}, **{**habits, **changes})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(NOW)


@pytest.fixture
def partner() -> Provider:
    return Provider(NOW)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def tokens(issuer: Issuer, partner: Provider, clock: ManualClock) -> AsyncIterator[AccessTokens]:
    settings = Settings.model_validate({"auth_issuer": ISSUER, "auth_audience": AUDIENCE, "auth_issuers": FURTHER})
    mounts = {
        "https://issuer.test": httpx2.ASGITransport(app=issuer),
        "https://id.partner.example": httpx2.ASGITransport(app=_certs(partner)),
    }
    async with httpx2.AsyncClient(mounts=mounts) as http:
        yield access_tokens(settings, http, clock)


def _certs(partner: Provider) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == "/realms/wallet/protocol/openid-connect/certs"
        await partner({**scope, "path": "/.well-known/jwks.json"}, receive, send)

    return answer


async def test_each_issuers_people_are_of_its_tenant(issuer: Issuer, partner: Provider, tokens: AccessTokens) -> None:
    ours, theirs = await tokens.principal(issuer.token()), await tokens.principal(partner.token())

    assert (ours.tenant, theirs.tenant) == ("default", "partner")
    assert theirs.permissions == {Permission.WALLET_READ, Permission.WALLET_TRANSACT}
    assert (theirs.issuer, theirs.subject) == (OTHER, "5c1b9a2e-1d0f-4a53-9a6e-2b1f7f0c9d11")


async def test_the_same_subject_of_another_issuer_is_somebody_else(
    issuer: Issuer, partner: Provider, tokens: AccessTokens
) -> None:
    ours, theirs = await tokens.principal(issuer.token(sub="1")), await tokens.principal(partner.token(sub="1"))

    assert ours.user_id != theirs.user_id


CONFUSED: dict[str, dict[str, Any]] = {
    "a partner's token in our issuer's name": {"iss": ISSUER},
    "a partner's token for our audience": {"aud": AUDIENCE},
    "a partner's ID token": {"header": {"typ": "JWT+id"}},
    "a name almost the partner's": {"iss": f"{OTHER}/"},
}


@pytest.mark.parametrize("kind", CONFUSED)
async def test_no_issuer_speaks_for_another(kind: str, partner: Provider, tokens: AccessTokens) -> None:
    with pytest.raises(TokenInvalid):
        await tokens.principal(partner.token(**CONFUSED[kind]))


async def test_a_stranger_makes_nobody_fetch_anything(issuer: Issuer, partner: Provider, tokens: AccessTokens) -> None:
    for number in range(20):
        with pytest.raises(TokenInvalid, match="another issuer"):
            await tokens.principal(issuer.token(iss=f"https://stranger-{number}.test/"))

    assert (issuer.fetches, partner.fetches) == (0, 0)


async def test_a_storm_of_bad_key_ids_makes_one_fetch_a_cooldown(
    issuer: Issuer, tokens: AccessTokens, clock: ManualClock
) -> None:
    storm = [issuer.token(header={"kid": f"guess-{number}"}) for number in range(100)]

    async def blow(forged: str) -> None:
        with pytest.raises(TokenInvalid):
            await tokens.principal(forged)

    for rounds in range(1, 4):
        await asyncio.gather(*(blow(forged) for forged in storm))
        assert issuer.fetches == rounds
        clock.advance(10)


async def test_an_issuer_that_is_down_for_ten_minutes_is_missed_by_nobody_it_knows(
    issuer: Issuer, partner: Provider, tokens: AccessTokens, clock: ManualClock
) -> None:
    await tokens.principal(issuer.token())
    issuer.down = True
    for minute in range(1, 11):
        clock.advance(60)
        assert (await tokens.principal(issuer.token(sub=f"auth0|newcomer-{minute}"))).tenant == "default"
        assert (await tokens.principal(partner.token())).tenant == "partner"

    issuer.down = False
    clock.advance(10)
    issuer.rotate("key-2")
    assert (await tokens.principal(issuer.token())).tenant == "default"


async def test_a_rotation_is_picked_up_at_once_if_nobody_asked_in_vain(
    issuer: Issuer, tokens: AccessTokens, clock: ManualClock
) -> None:
    await tokens.principal(issuer.token())
    clock.advance(11)
    issuer.rotate("key-2")

    assert (await tokens.principal(issuer.token())).subject == "auth0|alice"
