"""Requests taken literally: no unknown parameter is passed over, and JSON is what RFC 8259 means by it.

One value per name, finite numbers, UTF-8, and nothing rounded on the way in. A query parameter that the route does not
know is refused, because ignoring it may do the opposite of what was asked: think of ``dry_run=true``.
"""

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from email.message import Message
from typing import Any, NoReturn

from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.errors import Malformed


class StrictRoute(APIRoute):
    """A route that reads query and body strictly, before anything else looks at the request.

    Raises RequestValidationError for an unknown query parameter, then Malformed for a body that is no strict JSON.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        has_body = self.body_field is not None
        known = {parameter.alias for parameter in get_flat_params(self.dependant)}

        async def read_then_handle(request: Request) -> Response:
            _refuse_unknown(request.query_params.keys() - known)
            if not has_body:
                return await handle(request)
            strict = _StrictRequest(request.scope, request.receive)
            await strict.json()
            return await handle(strict)

        return read_then_handle


def _refuse_unknown(parameters: set[str]) -> None:
    if parameters:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": "There is no such parameter."}
                for name in sorted(parameters)
            ]
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
        return json.loads(
            body.decode(), object_pairs_hook=_each_name_once, parse_constant=_no_constant, parse_float=Decimal
        )
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None


def _is_json(content_type: str) -> bool:
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
