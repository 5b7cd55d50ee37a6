"""Signatures of the Standard Webhooks specification, computed here, checked by its own library, and the reverse."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from app.outbox.signing import new_secret, signature, signed_headers

# The example of the specification's reference libraries.
SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1_614_265_330, UTC)
BODY = b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_example_is_signed_as_it_says() -> None:
    assert signature(SECRET, MESSAGE, AT, BODY) == SIGNED


def test_the_specifications_library_takes_what_we_sign() -> None:
    body, now = json.dumps({"type": "purchase.completed"}).encode(), datetime.now(UTC)
    secret = new_secret(lambda count: bytes(range(count)))
    headers = signed_headers([secret], "evt_1", now, body)
    assert Webhook(secret.get_secret_value()).verify(body, headers) == {"type": "purchase.completed"}


def test_we_sign_as_the_specifications_library_signs() -> None:
    body, now = '{"type": "x"}', datetime.now(UTC).replace(microsecond=0)
    theirs = Webhook(SECRET.get_secret_value()).sign("evt_1", now, body)
    assert signature(SECRET, "evt_1", now, body.encode()) == theirs


@pytest.mark.parametrize(
    "spoilt",
    [
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": str(int((datetime.now(UTC) - timedelta(minutes=10)).timestamp()))},
        {"webhook-signature": SIGNED},
    ],
    ids=["another id", "an old time", "another signature"],
)
def test_the_specifications_library_refuses_what_was_touched(spoilt: dict[str, str]) -> None:
    headers = {**signed_headers([SECRET], "evt_1", datetime.now(UTC), b"{}"), **spoilt}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET.get_secret_value()).verify(b"{}", headers)


def test_during_a_rotation_a_receiver_may_know_either_secret() -> None:
    newer, now = new_secret(lambda count: b"n" * count), datetime.now(UTC)
    headers = signed_headers([newer, SECRET], "evt_1", now, b"{}")
    for each in (newer, SECRET):
        assert Webhook(each.get_secret_value()).verify(b"{}", headers) == {}


def test_a_secret_has_the_length_that_the_specification_asks_for() -> None:
    text = new_secret(lambda count: b"x" * count).get_secret_value()
    assert 24 <= len(b64decode(text.removeprefix("whsec_"))) <= 64
