"""Made-up key ids, an issuer that is down, and one that rotates, as whole requests meet them (RFC 8725 3.10)."""

import asyncio
import json
from base64 import urlsafe_b64encode

import httpx2

from app.clock import ManualClock
from tests.issuer import TENANT_CLAIM, Issuer

STORM = 1_000


def genuine(issuer: Issuer, name: str = "ada") -> str:
    return issuer.token(sub=f"auth0|{name}", **{TENANT_CLAIM: "acme"})


def made_up(issuer: Issuer, number: int) -> str:
    """A well-formed token under a key id that nobody has published."""
    header = {"alg": "RS256", "typ": "JWT", "kid": f"guess-{number}"}
    encoded = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{encoded}.{genuine(issuer).partition('.')[2]}"


async def status(client: httpx2.AsyncClient, token: str) -> int:
    return (await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code


async def test_a_thousand_made_up_key_ids_are_one_fetch_a_cooldown(
    client: httpx2.AsyncClient, issuer: Issuer, clock: ManualClock
) -> None:
    assert await status(client, genuine(issuer)) == 200
    tokens = [made_up(issuer, number) for number in range(STORM)]
    half = STORM // 2
    for storm in (tokens[:half], tokens[half:]):
        before = issuer.fetches
        clock.advance(10)
        assert set(await asyncio.gather(*(status(client, each) for each in storm))) == {401}
        assert issuer.fetches == before + 1
        assert await status(client, genuine(issuer)) == 200


async def test_an_issuer_that_is_down_for_ten_minutes_keeps_nobody_out_whose_key_is_known(
    client: httpx2.AsyncClient, issuer: Issuer, clock: ManualClock
) -> None:
    assert await status(client, genuine(issuer)) == 200
    issuer.down = True
    for minute in range(10):
        clock.advance(60)
        assert await status(client, genuine(issuer, f"{minute}")) == 200
    assert await status(client, made_up(issuer, 0)) == 401


async def test_a_rotation_is_picked_up_within_a_cooldown_and_at_once_if_it_is_unused(
    client: httpx2.AsyncClient, issuer: Issuer, clock: ManualClock
) -> None:
    assert await status(client, genuine(issuer)) == 200
    clock.advance(10)
    issuer.rotate("key-2")
    assert await status(client, genuine(issuer)) == 200  # nobody had asked for a key in the last ten seconds
    issuer.rotate("key-3")
    assert await status(client, genuine(issuer)) == 401
    clock.advance(10)
    assert await status(client, genuine(issuer)) == 200
