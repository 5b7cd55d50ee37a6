"""Requests taken literally: no unknown parameter is passed over, and JSON is what RFC 8259 means by it.

One value per name, finite numbers, UTF-8, and nothing rounded on the way in. A query parameter that the route does not
know is refused, because ignoring it may do the opposite of what was asked: think of ``dry_run=true``.
"""

import json
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

from app.errors import Malformed


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

    Raises RequestValidationError for an unknown query parameter, then Malformed for a body that is no strict JSON.
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
        return self._content


def parse_json(body: bytes) -> Any:
    """The content of a JSON text; numbers with a point or exponent become Decimal.

    Raises Malformed, for a name used twice in one object, NaN or Infinity, another encoding, or no JSON at all.
    """
    try:
        return _READER.decode(body.decode())
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None


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


_READER = json.JSONDecoder(object_pairs_hook=_each_name_once, parse_constant=_no_constant, parse_float=Decimal)
