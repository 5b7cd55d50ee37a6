"""Sumsub's webhooks: a hex digest over the raw body, with an algorithm that we choose, not the header.

Events repeat, come in any order and have no id of their own.
"""

from binascii import hexlify
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.providers.events import WebhookEvent, kept
from app.providers.signatures import fits, read_json

_PROVIDER = "sumsub"
_ALGORITHM = "HMAC_SHA256_HEX"
_DATE = "%Y-%m-%d %H:%M:%S.%f"
_IDENTITY = ("applicantId", "type", "createdAtMs")


def read_events(body: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> tuple[WebhookEvent, ...]:
    """The one event of a delivery, an unknown type included. Raises SignatureInvalid, then Malformed."""
    given = headers.get("x-payload-digest", "").lower()
    pinned = headers.get("x-payload-digest-alg", _ALGORITHM) == _ALGORITHM
    if not pinned or not fits(given, body, secrets, algorithm="sha256", encode=hexlify):
        raise SignatureInvalid(_PROVIDER)
    told = read_json(body)
    if not isinstance(told, dict):
        raise Malformed("A delivery of Sumsub is an object.")
    identity = {name: value for name, value in kept(told, *_IDENTITY).items() if isinstance(value, str) and value}
    if not {"applicantId", "type"} <= identity.keys():
        raise Malformed("An event of Sumsub has an applicant and a type.")
    payload = kept(told, *_IDENTITY, "levelName", "reviewStatus")
    if isinstance(result := told.get("reviewResult"), dict):
        payload |= kept(result, "reviewAnswer", "reviewRejectType")
    refs = (f"sumsub:applicant:{identity['applicantId']}",)
    return (WebhookEvent(_PROVIDER, ":".join(identity.values()), identity["type"], refs, payload),)


def happened_at(payload: Mapping[str, object]) -> datetime | None:
    """When the event happened, as far as it says so: UTC, without a zone, to the millisecond."""
    try:
        return datetime.strptime(str(payload.get("createdAtMs")), _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
