"""A tenant's notification endpoint: where to, what of, with which secrets, and how well it has been doing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from app.clock import rfc3339
from app.errors import TooManySecrets
from app.plumbing.sealing import Sealed, Sealer

ENDPOINTS = "notification_endpoints"
ENDPOINTS_MAX = 10
"""Of one tenant."""

REMOVED = "removed"
"""The status of an endpoint that is no more."""

SUSTAINED = timedelta(days=3)
"""Failing for so long without one success disables an endpoint."""

SECRETS_MAX = 5
"""That sign beside each other: the newest, and those that were rotated out less than a day ago."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """As stored. ``types`` names what is wanted, ``purchase.*`` all of a kind; nothing named means everything.

    ``failing_since``: when the first failure came after which nothing succeeded. ``secrets``: newest first, sealed,
    each with the time until which it signs (None: until it is rotated).
    """

    id: str
    url: str
    types: tuple[str, ...]
    status: str
    secrets: tuple[Document, ...]
    created_at: datetime
    created_by: str
    reason: str | None = None
    failing_since: datetime | None = None
    version: int = 1

    @property
    def is_enabled(self) -> bool:
        return self.status == "enabled"

    def wants(self, kind: str) -> bool:
        """Whether a notification of that type is to go there."""
        return not self.types or kind in self.types or f"{kind.partition('.')[0]}.*" in self.types

    def has_failed_long_enough(self, now: datetime) -> bool:
        """Whether it is time to stop trying."""
        return self.failing_since is not None and now - self.failing_since >= SUSTAINED

    def active_secrets(self, sealer: Sealer, now: datetime) -> tuple[SecretStr, ...]:
        """The secrets that sign at that moment, newest first. Raises BrokenSeal."""
        active = [each for each in self.secrets if each["until"] is None or each["until"] > now]
        return tuple(sealer.open(each["sealed"], self.id) for each in active)


def rotated(secrets: Sequence[Document], fresh: Document, now: datetime, overlap: timedelta) -> list[Document]:
    """The secrets once a fresh one signs, and the one before it for the overlap. Raises TooManySecrets.

    None is dropped before its time: whoever rotates twice has not yet told the receiver of either.
    """
    kept = [{**each, "until": now + overlap} if each["until"] is None else each for each in secrets]
    kept = [each for each in kept if each["until"] > now]
    if len(kept) >= SECRETS_MAX:
        raise TooManySecrets(SECRETS_MAX, rfc3339(min(each["until"] for each in kept)))
    return [fresh, *kept]


def secret_entry(sealed: Sealed, cause: str | None = None) -> Document:
    """A secret as stored: it signs until it is rotated. ``cause`` stands for the key that it was asked for under."""
    return {"sealed": dict(sealed), "until": None, "cause": cause}


def endpoint_from(document: Document) -> Endpoint:
    """An endpoint as read."""
    names = Endpoint.__dataclass_fields__.keys() - {"id", "types", "secrets"}
    return Endpoint(
        id=document["_id"],
        types=tuple(document["types"]),
        secrets=tuple(document["secrets"]),
        **{name: document[name] for name in names},
    )


def endpoint_fields(endpoint: Endpoint) -> Document:
    """An endpoint as stored, without its id."""
    names = Endpoint.__dataclass_fields__.keys() - {"id", "types", "secrets"}
    document: Document = {name: getattr(endpoint, name) for name in names}
    return {**document, "types": list(endpoint.types), "secrets": list(endpoint.secrets)}
