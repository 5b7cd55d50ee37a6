"""Keyed hashes over a webhook's raw bytes, compared in constant time."""

import hmac
from collections.abc import Callable, Sequence

from pydantic import SecretStr

from app.errors import Malformed
from app.providers import exact_json


def fits(
    given: str, body: bytes, secrets: Sequence[SecretStr], *, algorithm: str, encode: Callable[[bytes], bytes]
) -> bool:
    """Whether any of the secrets signs the body so; several are valid while one is being rotated.

    An empty secret never fits: anybody can sign with it.
    """
    keys = [secret.get_secret_value().encode() for secret in secrets]
    digests = [encode(hmac.digest(key, body, algorithm)) for key in keys if key]
    return any(hmac.compare_digest(given.encode(), digest) for digest in digests)


def read_json(body: bytes) -> object:
    """A verified body, parsed. Raises Malformed."""
    try:
        return exact_json.loads(body)
    except ValueError:
        raise Malformed("The webhook's body is not JSON.") from None
