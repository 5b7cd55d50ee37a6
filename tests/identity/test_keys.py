"""The issuer's keys: shared, rotated, and not fetched because a stranger wants it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from app.clock import ManualClock
from app.errors import ProviderUnavailable, TokenInvalid
from app.identity.keys import IssuerKeys
from tests.issuer import KEYS, Issuer, rsa_key

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(NOW)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def keys(issuer: Issuer, clock: ManualClock) -> AsyncIterator[IssuerKeys]:
    async with issuer.client() as http:
        yield IssuerKeys(KEYS, http, clock)


async def unknown(keys: IssuerKeys, key_id: str) -> bool:
    try:
        await keys.key(key_id)
    except TokenInvalid:
        return True
    return False


async def known(keys: IssuerKeys, key_id: str) -> bool:
    return not await unknown(keys, key_id)


async def test_a_thousand_unknown_key_ids_cost_one_fetch(issuer: Issuer, keys: IssuerKeys) -> None:
    refused = await asyncio.gather(*(unknown(keys, f"guess-{number}") for number in range(1_000)))

    assert all(refused)
    assert issuer.fetches == 1


async def test_callers_who_arrive_together_share_one_fetch(issuer: Issuer, keys: IssuerKeys) -> None:
    found = await asyncio.gather(*(keys.key("key-1") for _ in range(50)))

    assert len(found) == 50
    assert issuer.fetches == 1


async def test_a_rotated_key_is_found_once_the_cooldown_is_over(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("key-1")
    issuer.rotate("key-2")

    clock.advance(9)
    assert await unknown(keys, "key-2")
    clock.advance(1)

    assert await known(keys, "key-2")
    assert await known(keys, "key-1")
    assert issuer.fetches == 2


async def test_keys_are_read_again_when_they_are_old(issuer: Issuer, keys: IssuerKeys, clock: ManualClock) -> None:
    await keys.key("key-1")
    issuer.published.clear()
    issuer.rotate("key-2")

    clock.advance(601)

    assert await unknown(keys, "key-1")


async def test_while_the_issuer_is_down_its_last_keys_serve_for_an_hour(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("key-1")
    issuer.down = True

    clock.advance(600 + 3_600)
    assert await known(keys, "key-1")

    clock.advance(11)
    with pytest.raises(ProviderUnavailable):
        await keys.key("key-1")


async def test_an_issuer_that_is_down_is_asked_once_per_cooldown(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    issuer.down = True
    for _ in range(20):
        with pytest.raises(ProviderUnavailable):
            await keys.key("key-1")
    assert issuer.fetches == 1

    issuer.down = False
    clock.advance(10)
    assert await known(keys, "key-1")


def changed(**members: Any) -> dict[str, Any]:
    published = {**rsa_key("key-2").as_dict(private=False), **members}
    return {name: value for name, value in published.items() if value is not None}


def short_key() -> dict[str, Any]:
    """A real key of 1024 bits, which the library would only warn about."""
    with pytest.warns(UserWarning, match="Key size"):
        return dict(RSAKey.generate_key(1024, {"kid": "key-2"}).as_dict(private=False))


UNUSABLE: dict[str, Callable[[], object]] = {
    "for encryption": lambda: changed(use="enc"),
    "for another algorithm": lambda: changed(alg="PS256"),
    "another type of key": lambda: changed(kty="EC"),
    "a shared secret": lambda: {"kty": "oct", "kid": "key-2", "k": "c2VjcmV0"},
    "too short": short_key,
    "no modulus": lambda: changed(n=None),
    "a modulus that is no number": lambda: changed(n="!!!"),
    "no id": lambda: changed(kid=None),
    "an id that is a number": lambda: changed(kid=2),
    "no object": lambda: "key-2",
}


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_what_is_no_rsa_signing_key_is_left_out(kind: str, issuer: Issuer, keys: IssuerKeys) -> None:
    published: list[Any] = issuer.published
    published.append(UNUSABLE[kind]())

    assert await unknown(keys, "key-2")
    assert await known(keys, "key-1")
