"""What a vendor's webhook says, in our words."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A verified event. ``event_id`` is unique per provider, so the same event twice is seen to be one.

    ``refs`` name the objects concerned, so that whoever waits for one of them is found: ``unit:payment:50``,
    ``tatum:tx:<hash>``, ``tatum:kms:<pending id>``, ``sumsub:applicant:<id>``, ``plaid:item:<id>``.
    ``payload`` is a hint for people, never a source of truth (the object is fetched), and holds no personal data.
    """

    provider: str
    event_id: str
    type: str
    refs: tuple[str, ...]
    payload: dict[str, Any]
