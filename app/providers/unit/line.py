"""How things are made and found at Unit: a key in the body, and our reference in the tags."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from app.providers import exact_json
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.transport import Transport, segment
from app.providers.unit import wire
from app.providers.unit.jsonapi import REFERENCE_TAG

PROVIDER = "unit"
MEDIA_TYPE = "application/vnd.api+json"

T = TypeVar("T")
_HEADERS = {"Content-Type": MEDIA_TYPE}
_MISSING = {400, 404}


async def make(
    transport: Transport, operation: str, path: str, body: Mapping[str, Any], parse: Callable[[Any], T], read: str
) -> T:
    """Create a resource, or find the one that the body's key has created already; ``read`` is its GET's operation.

    Whether a used key answers with the original or with 409 ``already_exists`` is not settled by the vendor's pages,
    so both are read as "found". Raises Declined, Unavailable, OutcomeUnknown.
    """
    deadline = transport.deadline()
    reply = await transport.request(
        operation, "POST", path, json=body, headers=_HEADERS, accept={409}, deadline=deadline
    )
    if reply.succeeded:
        return reply.read(parse)
    if reply.code != "already_exists":
        raise reply.refusal()
    existing = reply.read(wire.existing_id)
    try:
        found = await get(transport, read, f"{path}/{segment(PROVIDER, existing)}", parse, deadline=deadline)
    except (Unavailable, Declined) as refusal:  # that it cannot be read now does not make it undone
        raise OutcomeUnknown(PROVIDER, refusal.reason) from None
    if found is None:
        raise OutcomeUnknown(PROVIDER, "already-exists")
    return found


async def get(
    transport: Transport,
    operation: str,
    path: str,
    parse: Callable[[Any], T],
    *,
    params: Mapping[str, str] | None = None,
    deadline: float | None = None,
) -> T | None:
    """Read one resource; None when the vendor says that there is none."""
    reply = await transport.request(operation, "GET", path, params=params, accept=_MISSING, deadline=deadline)
    if wire.is_not_found(reply.code):
        return None
    if not reply.succeeded:
        raise reply.refusal()
    return reply.read(parse)


async def find(
    transport: Transport, operation: str, path: str, reference: str, parse: Callable[[Any, str], T | None]
) -> T | None:
    """The resource of a list that carries our reference."""
    params = {"filter[tags]": exact_json.dumps({REFERENCE_TAG: reference}), "page[limit]": "100"}
    reply = await transport.request(operation, "GET", path, params=params)
    return reply.read(lambda body: parse(body, reference))


async def command(
    transport: Transport, operation: str, path: str, parse: Callable[[Any], T], body: Mapping[str, Any] | None = None
) -> T:
    """Tell a resource to change; the answer is what it then is."""
    reply = await transport.request(operation, "POST", path, json=body, headers=_HEADERS)
    return reply.read(parse)
