"""How things are made, read and found at Stripe: a key in a header, and our reference in the metadata.

A used key replays what it first answered, a 500 included, for at least 24 hours; so a call whose key has kept a 500 is
never answered otherwise, and it is looked for by our reference like any that was not answered. The search the vendor
offers is eventually consistent, therefore lists are read, newest first, back to when the object can have been made.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.providers.outcomes import OutcomeUnknown, Unavailable
from app.providers.replies import Reply
from app.providers.stripe import wire
from app.providers.transport import Transport

PROVIDER = "stripe"
API_VERSION = "2026-10-28.endive"

T = TypeVar("T")
_FORM = "application/x-www-form-urlencoded"
_SKEW = timedelta(minutes=5)
"""How much earlier than our clock the vendor's may say that something was made."""
_PAGE = 100
_PAGES_MAX = 50
_KEY_TAKEN = frozenset({"idempotency_key_in_use", "idempotency_error"})
"""The key is busy, or was used for something else: in both cases an earlier call of ours may have taken effect."""
_MISSING = {404}


async def post(
    transport: Transport,
    operation: str,
    path: str,
    fields: Mapping[str, object],
    *,
    key: str,
    payee_id: str | None = None,
    accept: frozenset[int] = frozenset(),
    deadline: float | None = None,
) -> Reply:
    """Make or change something, once per key. Raises Declined, Unavailable, OutcomeUnknown."""
    headers = {"Content-Type": _FORM, "Idempotency-Key": key, **_acting_for(payee_id)}
    reply = await transport.request(
        operation,
        "POST",
        path,
        content=wire.form(fields),
        headers=headers,
        accept={400, 409, 424, *accept},
        deadline=deadline,
    )
    if reply.succeeded:
        return reply
    if reply.code in _KEY_TAKEN or reply.status in {409, 424}:
        raise OutcomeUnknown(PROVIDER, reply.code or f"http-{reply.status}")
    if reply.status in accept:
        return reply
    raise reply.refusal()


async def get(
    transport: Transport,
    operation: str,
    path: str,
    parse: Callable[[Any], T],
    *,
    payee_id: str | None = None,
    params: Mapping[str, str] | None = None,
    deadline: float | None = None,
) -> T | None:
    """Read one object; None when the vendor says that there is none."""
    reply = await transport.request(
        operation,
        "GET",
        path,
        params=params,
        headers=_acting_for(payee_id),
        accept=_MISSING,
        deadline=deadline,
    )
    if reply.status == 404 and reply.code == "resource_missing":
        return None
    if not reply.succeeded:
        raise reply.refusal()
    return reply.read(parse)


async def find(
    transport: Transport,
    operation: str,
    path: str,
    reference: str,
    *,
    since: datetime | None = None,
    payee_id: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Any:
    """The object of a list that carries our reference, or None. Raises Unavailable when a list is too long to read."""
    asked = {"limit": str(_PAGE), **(params or {})}
    if since is not None:
        asked["created[gte]"] = str(int((since - _SKEW).timestamp()))
    for _ in range(_PAGES_MAX):
        listed = await get(transport, operation, path, wire.page, payee_id=payee_id, params=asked)
        if listed is None:
            return None
        items, more = listed
        for item in items:
            if wire.reference_of(item) == reference:
                return item
        if not more or not items:
            return None
        asked["starting_after"] = wire.object_id(items[-1])
    raise Unavailable(PROVIDER, "list-too-long")


def _acting_for(payee_id: str | None) -> dict[str, str]:
    return {} if payee_id is None else {"Stripe-Account": payee_id}
