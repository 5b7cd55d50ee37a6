"""Signatures of the Standard Webhooks scheme (github.com/standard-webhooks/standard-webhooks, spec 1.0.0).

Signed is ``id.timestamp.body`` with HMAC-SHA256; the secret is the base64 behind ``whsec_``. While a secret is being
rotated there is one signature for each active one, so a receiver may know either.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import SecretStr

SECRET_BYTES = 32
"""Within the 24 to 64 bytes that the specification asks for."""

_PREFIX = "whsec_"


def new_secret(draw: Callable[[int], bytes]) -> SecretStr:
    """A fresh secret, of bytes that ``draw`` takes from a cryptographic source."""
    return SecretStr(_PREFIX + b64encode(draw(SECRET_BYTES)).decode())


def signature(secret: SecretStr, message_id: str, at: datetime, body: bytes) -> str:
    """One signature, as it stands in ``webhook-signature``."""
    key = b64decode(secret.get_secret_value().removeprefix(_PREFIX), validate=True)
    signed = b".".join((message_id.encode(), str(int(at.timestamp())).encode(), body))
    return "v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secrets: Sequence[SecretStr], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a delivery that is sent at that moment."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signature(secret, message_id, at, body) for secret in secrets),
    }
