"""What a vendor's webhook says, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard


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


_TEXT_CHARACTERS_MAX = 256
_INT64 = range(-(2**63), 2**63)


def kept(source: Mapping[str, Any], *names: str) -> dict[str, str | int | bool]:
    """The named fields, as far as they are short scalars that MongoDB stores exactly; all others are dropped."""
    found = {name: source.get(name) for name in names}
    return {name: value for name, value in found.items() if _is_storable(value)}


def _is_storable(value: object) -> TypeGuard[str | int | bool]:
    if isinstance(value, str):
        return len(value) <= _TEXT_CHARACTERS_MAX
    return isinstance(value, int) and value in _INT64
