"""Requests taken literally: no unknown parameter is passed over, and JSON is what RFC 8259 means by it.

One value per name, finite numbers, UTF-8, and nothing rounded on the way in. No text, in body or query, has a
character that a terminal, a log or a reader's eye would obey instead of showing it. A query parameter that the route
does not know is refused, because ignoring it may do the opposite of what was asked: think of ``dry_run=true``.
"""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from decimal import Decimal
from email.message import Message
from typing import Any, NoReturn

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.api.card_numbers import holds_card_number
from app.errors import CardNumberRefused, Malformed

DEPTH_MAX = 16
"""How deep arrays and objects may lie in one another."""
MEMBERS_MAX = 2_000
"""How many members one array or object may have."""

OBEYED = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Control characters, line separators, and those that turn the direction of writing (Unicode TR 36, 2.4)."""
_UNSPEAKABLE = re.compile(f"[{OBEYED}\ud800-\udfff]")
"""With them the halves of surrogate pairs: JSON can spell one alone, and no encoding can."""


@dataclass(frozen=True, slots=True)
class QueryPrefix:
    """At most one query parameter whose name begins so: yields what follows in the name, and its value; or None.

    Raises RequestValidationError for a second one.
    """

    prefix: str

    async def __call__(self, request: Request) -> tuple[str, str] | None:
        found = [pair for pair in request.query_params.multi_items() if pair[0].startswith(self.prefix)]
        if len(found) > 1:
            _refuse([name for name, _ in found[1:]], "There may be only one of its kind.")
        return (found[0][0].removeprefix(self.prefix), found[0][1]) if found else None


class StrictRoute(APIRoute):
    """A route that reads query and body strictly, before anything else looks at the request.

    Raises RequestValidationError for an unknown query parameter, then Malformed for a body that is no strict JSON, then
    CardNumberRefused.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        has_body = self.body_field is not None
        known = {parameter.alias for parameter in get_flat_params(self.dependant)}
        prefixes = tuple(_prefixes(self.dependant))

        async def read_then_handle(request: Request) -> Response:
            if request.scope["query_string"]:
                unknown = request.query_params.keys() - known
                _refuse([name for name in unknown if not name.startswith(prefixes)], "There is no such parameter.")
                _refuse([name for name, value in request.query_params.multi_items() if _obeyed(value)], _OBEYED_SAID)
            if not has_body:
                return await handle(request)
            strict = _StrictRequest(request.scope, request.receive)
            await strict.json()
            return await handle(strict)

        return read_then_handle


def _prefixes(dependant: Dependant) -> Iterator[str]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, QueryPrefix):
            yield dependency.call.prefix
        yield from _prefixes(dependency)


def _refuse(parameters: list[str], sentence: str) -> None:
    if parameters:
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name), "msg": sentence} for name in sorted(parameters)]
        )


class _StrictRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_content"):
            body = await self.body()
            if body and not _is_json(self.headers.get("content-type", "")):
                raise Malformed("The body must be JSON, sent as application/json.")
            self._content = parse_json(body) if body else None
            if holds_card_number(self._content):
                raise CardNumberRefused
        return self._content


def parse_json(body: bytes) -> Any:
    """The content of a JSON text; numbers with a point or exponent become Decimal.

    Raises Malformed, for a name used twice in one object, NaN or Infinity, another encoding, or no JSON at all; then
    for what is nested too deeply, has too many members, or has a character in it that no text of ours has.
    """
    try:
        content = _READER.decode(body.decode())
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None
    _require_bounded(content, 1)
    return content


def _require_bounded(content: Any, depth: int) -> None:
    if isinstance(content, str):
        if _obeyed(content):
            raise Malformed(_OBEYED_SAID)
    elif isinstance(content, dict | list):
        if depth > DEPTH_MAX:
            raise Malformed(f"The body is nested deeper than {DEPTH_MAX}.")
        if len(content) > MEMBERS_MAX:
            raise Malformed(f"The body has more than {MEMBERS_MAX} members in one place.")
        for member in content.values() if isinstance(content, dict) else content:
            _require_bounded(member, depth + 1)
        if isinstance(content, dict):
            _require_bounded("".join(content), depth)


def _obeyed(text: str) -> bool:
    return _UNSPEAKABLE.search(text) is not None


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    message = Message()
    message["content-type"] = content_type
    return message.get_content_type() == "application/json"


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise Malformed("The body uses a name twice in one object.")
    return content


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"The body has {name} where a number belongs; JSON has no such thing.")


_OBEYED_SAID = "There is a control character, or one that turns the direction of writing."
_READER = json.JSONDecoder(object_pairs_hook=_each_name_once, parse_constant=_no_constant, parse_float=Decimal)
