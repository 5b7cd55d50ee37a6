"""What comes in at the webhooks: genuine once, and everything else refused and kept nowhere but in the measures."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from app.clock import ManualClock
from app.main import create_app
from app.middleware.body_limit import LARGE_REQUEST_BYTES_MAX
from app.providers.plaid.webhooks import PlaidWebhooks
from app.runtime import Runtime
from tests.api.conftest import NOW

KEY = ECKey.generate_key("P-256", auto_kid=False)
STALE_S = 301

Sign = Callable[[bytes, int], dict[str, str]]


class KeyRing:
    """Plaid's keys, of which there is one."""

    async def webhook_key(self, key_id: str) -> dict[str, str] | None:
        public = KEY.as_dict(private=False)
        return {name: str(public[name]) for name in ("kty", "crv", "x", "y")} if key_id == "kid-1" else None


def by_unit(body: bytes, _age_s: int, key: str = "sandbox-unit-webhook-secret") -> dict[str, str]:
    return {"x-unit-signature": b64encode(hmac.digest(key.encode(), body, "sha1")).decode()}


def by_tatum(body: bytes, _age_s: int, key: str = "sandbox-tatum-webhook-secret") -> dict[str, str]:
    return {"x-payload-hash": b64encode(hmac.digest(key.encode(), body, "sha512")).decode()}


def by_sumsub(body: bytes, _age_s: int, key: str = "sandbox-sumsub-webhook-secret") -> dict[str, str]:
    digest = hmac.digest(key.encode(), body, "sha256").hex()
    return {"x-payload-digest": digest, "x-payload-digest-alg": "HMAC_SHA256_HEX"}


def by_stripe(body: bytes, age_s: int, key: str = "whsec_sandbox") -> dict[str, str]:
    at = int(NOW.timestamp()) - age_s
    digest = hmac.digest(key.encode(), f"{at}.".encode() + body, "sha256").hex()
    return {"stripe-signature": f"t={at},v1={digest}"}


def by_plaid(body: bytes, age_s: int) -> dict[str, str]:
    claims = {"iat": int(NOW.timestamp()) - age_s, "request_body_sha256": hashlib.sha256(body).hexdigest()}
    header = {"alg": "ES256", "kid": "kid-1", "typ": "JWT"}
    return {"plaid-verification": jwt.encode(header, claims, KEY, algorithms=["ES256"])}


UNIT = {"data": [{"id": "1001", "type": "customer.updated", "attributes": {"reason": "née"}}]}
TATUM = {"subscriptionType": "INCOMING_NATIVE_TX", "txId": "0x01", "address": "0xé"}
STRIPE = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "note": "née"}
SUMSUB = {"applicantId": "5cb5", "type": "applicantReviewed", "createdAtMs": "2026-11-20 05:00:00.000", "note": "née"}
PLAID = {"webhook_type": "ITEM", "webhook_code": "ERROR", "item_id": "item-1", "note": "née"}

VENDORS: dict[str, tuple[dict[str, Any], Sign]] = {
    "unit": (UNIT, by_unit),
    "tatum": (TATUM, by_tatum),
    "stripe": (STRIPE, by_stripe),
    "sumsub": (SUMSUB, by_sumsub),
    "plaid": (PLAID, by_plaid),
}
TIMED = ["stripe", "plaid"]
ROTATED: dict[str, Callable[..., dict[str, str]]] = {
    "unit": by_unit,
    "tatum": by_tatum,
    "stripe": by_stripe,
    "sumsub": by_sumsub,
}


def compact(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def re_encoded(told: dict[str, Any]) -> bytes:
    """The same JSON in other bytes, as a careless proxy makes of it."""
    return json.dumps(told, separators=(",", ":"), ensure_ascii=True).encode()


class Doors:
    """The webhooks of one wallet."""

    def __init__(self, client: httpx2.AsyncClient, runtime: Runtime) -> None:
        self._client = client
        self._runtime = runtime

    async def deliver(self, vendor: str, body: bytes, headers: dict[str, str]) -> int:
        return (await self._client.post(f"/webhooks/{vendor}", content=body, headers=headers)).status_code

    async def kept(self) -> int:
        return await self._runtime.database["inbox"].count_documents({})

    def counted(self, vendor: str, status: int) -> int:
        labels = {"method": "POST", "route": f"/webhooks/{vendor}", "status": str(status)}
        return int(self._runtime.measures.registry.get_sample_value("wallet_request_seconds_count", labels) or 0)


@pytest.fixture
async def doors(runtime: Runtime, clock: ManualClock) -> AsyncIterator[Doors]:
    """The wallet with two secrets of each vendor, the older of which is the sandbox's."""
    settings = runtime.settings.model_copy(
        update={
            f"{vendor}_webhook_secret": type(runtime.settings.unit_webhook_secret)(
                f"{getattr(runtime.settings, f'{vendor}_webhook_secret').get_secret_value()} newer-{vendor}"
            )
            for vendor in ROTATED
        }
    )
    providers = replace(runtime.providers, plaid_webhooks=PlaidWebhooks(KeyRing(), clock))
    rewired = replace(runtime, settings=settings, providers=providers)
    transport = httpx2.ASGITransport(app=create_app(rewired))
    async with httpx2.AsyncClient(transport=transport, base_url="http://wallet.test") as client:
        yield Doors(client, rewired)


async def test_a_genuine_delivery_is_kept_once_however_often_it_comes(doors: Doors) -> None:
    for vendor, (told, sign) in VENDORS.items():
        body = compact(told)
        assert [await doors.deliver(vendor, body, sign(body, 0)) for _ in range(3)] == [200, 200, 200], vendor
    assert await doors.kept() == len(VENDORS)


async def test_a_forged_delivery_is_refused_and_only_counted(doors: Doors) -> None:
    for vendor, (told, sign) in VENDORS.items():
        body, other = compact(told), compact({**told, "more": 1})
        assert [await doors.deliver(vendor, body, headers) for headers in ({}, sign(other, 0))] == [401, 401], vendor
        assert doors.counted(vendor, 401) == 2
    assert await doors.kept() == 0


async def test_a_delivery_in_other_bytes_is_refused(doors: Doors) -> None:
    for vendor, (told, sign) in VENDORS.items():
        assert re_encoded(told) != compact(told)
        assert await doors.deliver(vendor, re_encoded(told), sign(compact(told), 0)) == 401, vendor
    assert await doors.kept() == 0


async def test_a_delivery_that_is_played_again_later_is_refused(doors: Doors) -> None:
    for vendor in TIMED:
        told, sign = VENDORS[vendor]
        assert await doors.deliver(vendor, compact(told), sign(compact(told), STALE_S)) == 401, vendor
    assert await doors.kept() == 0


async def test_an_oversized_delivery_is_refused_before_it_is_read(doors: Doors) -> None:
    for vendor, (told, sign) in VENDORS.items():
        body = compact({**told, "padding": "x" * LARGE_REQUEST_BYTES_MAX})
        assert await doors.deliver(vendor, body, sign(body, 0)) == 413, vendor
        assert doors.counted(vendor, 413) == 1
    assert await doors.kept() == 0


async def test_both_secrets_are_good_while_one_is_replaced_and_no_other_is(doors: Doors) -> None:
    for vendor, sign in ROTATED.items():
        body = compact(VENDORS[vendor][0])
        signed = [sign(body, 0), sign(body, 0, f"newer-{vendor}"), sign(body, 0, "oldest"), sign(body, 0, "")]
        assert [await doors.deliver(vendor, body, headers) for headers in signed] == [200, 200, 401, 401], vendor
    assert await doors.kept() == len(ROTATED)
