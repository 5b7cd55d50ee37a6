"""Sumsub's request signature (https://docs.sumsub.com/reference/authentication).

Signed is what goes on the wire: the encoded target and the exact bytes of the built request. A signature over the
strings we passed in breaks on the first percent sign.
"""

import hmac
from collections.abc import Callable

import httpx2
from pydantic import SecretStr

from app.clock import Clock


def signer(app_token: SecretStr, secret: SecretStr, clock: Clock) -> Callable[[httpx2.Request], dict[str, str]]:
    """A function from a built request to the headers that sign it; the vendor allows 60 s of clock skew."""

    def sign(request: httpx2.Request) -> dict[str, str]:
        timestamp = str(int(clock.now().timestamp()))
        signed = timestamp.encode() + request.method.encode() + request.url.raw_path + request.content
        return {
            "X-App-Token": app_token.get_secret_value(),
            "X-App-Access-Ts": timestamp,
            "X-App-Access-Sig": hmac.digest(secret.get_secret_value().encode(), signed, "sha256").hex(),
        }

    return sign
