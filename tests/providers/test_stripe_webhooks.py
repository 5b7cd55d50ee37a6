"""Stripe's signature, on the vector of the vendor's own client, and what is read of an event."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.providers.stripe.webhooks import read_events
from app.sandbox.stripe.events import signature

SECRET = SecretStr("whsec_test1")
BODY = b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded"}'
SIGNED_AT = 1_795_000_000
PROOF = "eeab9d3264404f58976055e92e786590aacbfd99d4f657adb27ad292e519c39d"
HEADER = f"t={SIGNED_AT},v1={PROOF}"
NOW = datetime.fromtimestamp(SIGNED_AT, UTC)


def read(header: str, body: bytes = BODY, *secrets: SecretStr, now: datetime = NOW) -> str:
    (event,) = read_events(body, {"stripe-signature": header}, secrets or (SECRET,), now=now)
    return event.event_id


@pytest.mark.parametrize(
    "header",
    [HEADER, f"t={SIGNED_AT},v1={'0' * 64},v1={PROOF}", f"t={SIGNED_AT},v0=x,v1={PROOF}", f"v1={PROOF}, t={SIGNED_AT}"],
)
def test_a_genuine_event_is_read(header: str) -> None:
    assert read(header) == "evt_1"


def test_the_simulator_signs_as_the_vendor_does() -> None:
    assert signature("whsec_test1", SIGNED_AT, BODY) == HEADER


def test_the_vendors_own_signature_is_ours() -> None:
    ours = stripe.WebhookSignature._compute_signature(f"{SIGNED_AT}.{BODY.decode()}", "whsec_test1")
    assert ours == PROOF


def test_two_secrets_are_good_while_one_is_replaced() -> None:
    assert read(HEADER, BODY, SecretStr("whsec_next"), SECRET) == "evt_1"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_delivery_is_taken_within_five_minutes(seconds: int) -> None:
    assert read(HEADER, now=NOW + timedelta(seconds=seconds)) == "evt_1"


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("", BODY, 0),
        (f"t={SIGNED_AT}", BODY, 0),
        (f"v1={PROOF}", BODY, 0),
        (f"t={SIGNED_AT},v1={'0' * 64}", BODY, 0),
        (f"t={SIGNED_AT},v0={PROOF}", BODY, 0),
        (f"t={SIGNED_AT + 1},v1={PROOF}", BODY, 0),
        (f"t=٣,v1={PROOF}", BODY, 0),
        (HEADER, BODY + b" ", 0),
        (HEADER, json.dumps(json.loads(BODY)).encode(), 0),
        (HEADER, BODY, 301),
        (HEADER, BODY, -301),
    ],
    ids=[
        "nothing",
        "no signature",
        "no time",
        "forged",
        "another scheme",
        "another time",
        "a time in other digits",
        "another body",
        "re-encoded",
        "played again later",
        "from the future",
    ],
)
def test_what_is_not_genuine_is_refused(header: str, body: bytes, seconds: int) -> None:
    with pytest.raises(SignatureInvalid):
        read(header, body, now=NOW + timedelta(seconds=seconds))


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(SignatureInvalid):
        read(signature("", SIGNED_AT, BODY), BODY, SecretStr(""))


def test_a_genuine_delivery_that_is_no_event_is_malformed() -> None:
    for body in (b"[]", b"{}", b'{"id":1,"type":"x"}', b"not json"):
        with pytest.raises(Malformed):
            read(signature("whsec_test1", SIGNED_AT, body), body)


@pytest.mark.parametrize(
    ("about", "refs"),
    [
        ({"object": "payment_intent", "id": "pi_1"}, ("stripe:payment_intent:pi_1",)),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, ("stripe:payment_intent:pi_1",)),
        ({"object": "charge", "id": "ch_1", "payment_intent": None}, ()),
        ({"object": "dispute", "id": "du_1", "charge": "ch_1", "payment_intent": "pi_1"}, ("stripe:charge:ch_1",)),
        ({"object": "payout", "id": "po_1"}, ("stripe:payout:po_1",)),
        ({"object": "customer", "id": "cus_1"}, ()),
        (None, ()),
    ],
)
def test_an_event_says_where_to_look_and_keeps_nothing_else(about: object, refs: tuple[str, ...]) -> None:
    told = {"id": "evt_1", "type": "any.thing", "created": 1, "account": "acct_1", "data": {"object": about}}
    body = json.dumps(told).encode()
    proof = {"stripe-signature": signature("whsec_test1", SIGNED_AT, body)}
    (event,) = read_events(body, proof, (SECRET,), now=NOW)
    assert event.refs == refs
    assert event.payload == {"type": "any.thing", "created": 1, "account": "acct_1"}
