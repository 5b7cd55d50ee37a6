"""Unit's dialect of JSON:API: resources, refusals, pages and filters."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.sandbox import exact_json
from app.sandbox.vendor import Answer, Call, Refusal

MEDIA_TYPE = "application/vnd.api+json"
PAGE_LIMIT_MAX = 1_000
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
}
_FILTER = re.compile(r"filter\[(?P<name>[A-Za-z]+)\](?:\[(?P<key>[^\]]*)\])?")


def refusal(status: int, code: str, detail: str, pointer: str | None = None) -> Refusal:
    """An error document with one error; ``status`` is a string in it."""
    error: dict[str, Any] = {
        "status": str(status),
        "code": code,
        "title": _TITLES.get(status, "Error"),
        "detail": detail,
    }
    if pointer is not None:
        error["source"] = {"pointer": pointer}
    return Refusal(status, {"errors": [error]})


def invalid(detail: str, pointer: str) -> Refusal:
    return refusal(400, "invalid_value", detail, pointer)


def to_one(kind: str, key: str) -> dict[str, Any]:
    return {"data": {"type": kind, "id": key}}


def page_of(call: Call) -> tuple[int, int]:
    """``page[limit]`` (1 to 1,000, default 100) and ``page[offset]``."""
    limit = _whole(call.query("page[limit]", "100"), "page[limit]")
    offset = _whole(call.query("page[offset]", "0"), "page[offset]")
    if not 1 <= limit <= PAGE_LIMIT_MAX:
        raise invalid("page[limit] must be between 1 and 1000", "page[limit]")
    return limit, offset


def listed(items: Sequence[Any], *, limit: int, offset: int, total: int) -> Answer:
    return Answer({"data": list(items), "meta": {"pagination": {"limit": limit, "offset": offset, "total": total}}})


def filters_of(call: Call) -> dict[str, list[str]]:
    """The filters by name, however arrays are written: ``filter[x]``, ``filter[x][]`` or ``filter[x][0]``."""
    found: dict[str, list[str]] = {}
    for name, value in call.request.query_params.multi_items():
        match = _FILTER.fullmatch(name)
        if match and match["name"] != "tags":
            found.setdefault(match["name"], []).append(value)
    return found


def tags_filter_of(call: Call) -> dict[str, str]:
    """``filter[tags]`` as the SDKs write it, one JSON text, or as the specification does: ``filter[tags][key]``."""
    wanted: dict[str, str] = {}
    for name, value in call.request.query_params.multi_items():
        match = _FILTER.fullmatch(name)
        if not match or match["name"] != "tags":
            continue
        wanted |= {match["key"]: value} if match["key"] is not None else _tags_text(value)
    return wanted


def tag_pairs(tags: Mapping[str, str]) -> list[str]:
    """How tags are stored so that a filter finds them, whatever characters are in a key."""
    return [exact_json.write([key, value]) for key, value in tags.items()]


def query_of(call: Call, fields: Mapping[str, str]) -> dict[str, Any]:
    """The stored query behind a list call; ``fields`` maps filter names to stored names."""
    query: dict[str, Any] = {}
    for name, values in filters_of(call).items():
        if name in fields:
            query[fields[name]] = {"$in": values} if len(values) > 1 else values[0]
        elif name in {"since", "until"}:
            bound = "$gte" if name == "since" else "$lt"
            query.setdefault("created_at", {})[bound] = _moment(values[0], name)
    if tags := tags_filter_of(call):
        query["tag_pairs"] = {"$all": tag_pairs(tags)}
    return query


def order_of(call: Call) -> tuple[tuple[str, int], ...]:
    """``sort=createdAt`` or ``-createdAt``; newest first unless told."""
    direction = 1 if call.query("sort") == "createdAt" else -1
    return (("created_at", direction), ("_id", direction))


def _tags_text(text: str) -> dict[str, str]:
    try:
        tags = exact_json.read(text)
    except ValueError:
        tags = None
    if not isinstance(tags, dict):
        raise invalid("filter[tags] must be a JSON object", "filter[tags]")
    return {str(key): str(value) for key, value in tags.items()}


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid(f"{name} must be a number", name)
    return int(text)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} must be an ISO-8601 date", f"filter[{name}]") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
