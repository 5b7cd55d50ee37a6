"""Plaid's webhooks: a fresh token by a key of theirs over exactly these bytes, or nothing."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.clock import ManualClock
from app.errors import Malformed, ProviderUnavailable, SignatureInvalid
from app.providers.outcomes import Declined, Unavailable
from app.providers.plaid.webhooks import PlaidWebhooks
from tests.providers.test_plaid import answering, error
from tests.providers.tiny_vendor import Answer

BODY = b'{\n  "webhook_type": "ITEM",\n  "webhook_code": "ERROR",\n  "item_id": "item-1"\n}'
BODY_HASH = "371de20fc84369cbccd012529903b97fb637450d7e7fa0f685f10bf19099e55b"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = ECKey.generate_key("P-256", auto_kid=False)
OTHER = ECKey.generate_key("P-256", auto_kid=False)


class KeyRing:
    """Knows one key, and remembers what it was asked for."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.refusal = refusal

    async def webhook_key(self, key_id: str) -> dict[str, str] | None:
        self.asked.append(key_id)
        if self.refusal is not None:
            raise self.refusal
        public = KEY.as_dict(private=False)
        return {name: str(public[name]) for name in ("kty", "crv", "x", "y")} if key_id == "kid-1" else None


def token(body: bytes = BODY, *, key: Any = KEY, age_s: int = 0, header: Any = None, claims: Any = None) -> str:
    told = {"iat": int(NOON.timestamp()) - age_s, "request_body_sha256": sha256(body).hexdigest(), **(claims or {})}
    header = {"alg": "ES256", "kid": "kid-1", "typ": "JWT", **(header or {})}
    return jwt.encode(header, told, key, algorithms=[header["alg"]])


def reader(ring: KeyRing | None = None) -> tuple[PlaidWebhooks, KeyRing, ManualClock]:
    ring, clock = ring or KeyRing(), ManualClock(NOON)
    return PlaidWebhooks(ring, clock), ring, clock


async def test_a_delivery_is_read_and_its_key_fetched_once() -> None:
    assert sha256(BODY).hexdigest() == BODY_HASH
    webhooks, ring, _ = reader()
    for _ in range(3):
        (event,) = await webhooks.read_events(BODY, {"plaid-verification": token()})
    assert (event.type, event.refs) == ("ITEM.ERROR", ("plaid:item:item-1",))
    assert event.event_id == f"2026-11-20-{BODY_HASH}"
    assert ring.asked == ["kid-1"]


FORGED = {
    "no token": "",
    "not a token": "a.b",
    "another key": token(key=OTHER),
    "another body": token(b"{}"),
    "too old": token(age_s=301),
    "from the future": token(age_s=-61),
    "a moment that is text": token(claims={"iat": "now"}),
    "no body hash": token(claims={"request_body_sha256": None}),
    "no algorithm of ours": token(key=OctKey.import_key("secret-of-thirty-two-bytes-or-so"), header={"alg": "HS256"}),
    "a foreign algorithm": token(key=RSAKey.generate_key(2048), header={"alg": "RS256"}),
    "a key of its own": token(header={"jwk": KEY.as_dict(private=False)}),
    "an unknown key": token(header={"kid": "kid-2"}),
    "a key id that is a path": token(header={"kid": "../keys"}),
    "a key id that is a number": token(header={"typ": "JWT"}).replace("eyJ", "eyK", 1),
    "a tampered signature": token()[:-4] + "AAAA",
}


@pytest.mark.parametrize("given", FORGED.values(), ids=FORGED.keys())
async def test_a_delivery_that_is_not_plaids_is_refused(given: str) -> None:
    webhooks, _, _ = reader()
    with pytest.raises(SignatureInvalid):
        await webhooks.read_events(BODY, {"plaid-verification": given})


@pytest.mark.parametrize("age_s", [300, 0, -60])
async def test_five_minutes_are_fresh_enough(age_s: int) -> None:
    webhooks, _, _ = reader()
    assert await webhooks.read_events(BODY, {"plaid-verification": token(age_s=age_s)})


async def test_strangers_cannot_make_us_ask_for_keys_as_they_please() -> None:
    webhooks, ring, clock = reader()
    with pytest.raises(SignatureInvalid):
        await webhooks.read_events(BODY, {"plaid-verification": token(header={"kid": "kid-2"})})
    for number in range(20):
        with pytest.raises(ProviderUnavailable):
            await webhooks.read_events(BODY, {"plaid-verification": token(header={"kid": f"kid-{number + 3}"})})
    assert ring.asked == ["kid-2"]
    clock.advance(5)
    assert await webhooks.read_events(BODY, {"plaid-verification": token()})


async def test_a_key_is_asked_for_again_after_an_hour() -> None:
    webhooks, ring, clock = reader()
    await webhooks.read_events(BODY, {"plaid-verification": token()})
    clock.advance(timedelta(hours=1).total_seconds())
    await webhooks.read_events(BODY, {"plaid-verification": token(age_s=-3600)})
    assert ring.asked == ["kid-1", "kid-1"]


@pytest.mark.parametrize(
    ("refusal", "raised"),
    [(Unavailable("plaid", "x"), ProviderUnavailable), (Declined("plaid", "x"), SignatureInvalid)],
)
async def test_without_the_key_nothing_is_believed(refusal: Exception, raised: type[Exception]) -> None:
    webhooks, _, _ = reader(KeyRing(refusal))
    with pytest.raises(raised):
        await webhooks.read_events(BODY, {"plaid-verification": token()})


async def test_the_same_body_on_another_day_is_another_event() -> None:
    webhooks, _, clock = reader()
    (first,) = await webhooks.read_events(BODY, {"plaid-verification": token()})
    clock.advance(86_400)
    (second,) = await webhooks.read_events(BODY, {"plaid-verification": token(age_s=-86_400)})
    assert first.event_id != second.event_id


@pytest.mark.parametrize("told", [[], {}, {"webhook_type": "ITEM"}, {"webhook_type": 1, "webhook_code": []}])
async def test_a_signed_body_that_is_no_event_is_malformed(told: Any) -> None:
    body = json.dumps(told).encode()
    webhooks, _, _ = reader()
    with pytest.raises(Malformed):
        await webhooks.read_events(body, {"plaid-verification": token(body)})


def key_answer(**more: Any) -> Answer:
    public = KEY.as_dict(private=False)
    key = {"alg": "ES256", "use": "sig", "kid": "kid-1", "created_at": 1, "expired_at": None, **public, **more}
    return Answer(200, {"key": key, "request_id": "r"})


async def test_the_adapter_fetches_the_key_that_the_reader_needs() -> None:
    vendor, opened = answering(key_answer())
    async with opened as banks:
        webhooks = PlaidWebhooks(banks, ManualClock(NOON))
        assert await webhooks.read_events(BODY, {"plaid-verification": token()})
    assert (vendor.last.path, vendor.last.json) == ("/webhook_verification_key/get", {"key_id": "kid-1"})


@pytest.mark.parametrize("answer", [key_answer(expired_at=5), error("INVALID_INPUT")])
async def test_an_expired_or_unknown_key_signs_nothing(answer: Answer) -> None:
    _, opened = answering(answer)
    async with opened as banks:
        webhooks = PlaidWebhooks(banks, ManualClock(NOON))
        with pytest.raises(SignatureInvalid):
            await webhooks.read_events(BODY, {"plaid-verification": token()})
