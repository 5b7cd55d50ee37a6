"""The OpenAPI description: the framework's, and what our signatures declare beyond it.

A route lists the refusals of its verb; what the layers before it may say instead follows from its declaration, here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import problems
from app.api.strict import OBEYED
from app.errors import (
    AuthenticationInsufficient,
    IdempotencyInProgress,
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Malformed,
    Missing,
    OutcomeUnresolved,
    PermissionDenied,
    ProofInvalid,
    ProviderUnavailable,
    TimedOut,
    TokenInvalid,
    TokenMissing,
    TooLarge,
    TooMany,
    Unacceptable,
    WalletError,
)
from app.identity.permissions import Permission
from app.middleware.rate_limit import MACHINES
from app.middleware.routes import DeclaredRoute

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A refusal (RFC 9457). Further members are the facts of the case.",
    "required": ["type", "title", "status", "detail", "code", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "correlation_id": {"type": "string"},
    },
    "additionalProperties": True,
}
_TOKEN: dict[str, Any] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_SHAPED = frozenset({"pattern", "enum", "const"})


def describe(app: FastAPI, routes: Iterable[DeclaredRoute]) -> dict[str, Any]:
    """The description, with each operation's permission and key, and problems as the only kind of refusal."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    document["components"]["securitySchemes"] = {"bearer": _TOKEN}
    for route in routes:
        operation = document["paths"].get(route.template, {}).get(route.method.lower())
        if operation is not None:
            _declare(operation, route)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for name, schema in schemas.items():
        if name.endswith("Request"):
            _speakable(schema)
    return document


def _before_the_verb(route: DeclaredRoute, operation: dict[str, Any]) -> Iterator[type[WalletError]]:
    """What the layers may refuse, outermost first, then what reading the request may."""
    parameters = {each["in"] for each in operation.get("parameters", ())}
    takes_body = "requestBody" in operation or route.template.startswith("/webhooks/")
    if takes_body:
        yield TooLarge
    if route.permission:
        yield from (TokenMissing, TokenInvalid, ProofInvalid, ProviderUnavailable, PermissionDenied)
    if route.permission is Permission.WALLET_TRANSACT and route.needs_key:
        yield AuthenticationInsufficient
    if not route.template.startswith(MACHINES):
        yield TooMany
    yield TimedOut if route.method == "GET" else OutcomeUnresolved
    if route.takes_key:
        yield from (IdempotencyKeyMalformed, IdempotencyInProgress, IdempotencyKeyReused)
    if route.needs_key:
        yield IdempotencyKeyMissing
    if "path" in parameters:
        yield Missing
    if takes_body:
        yield Malformed
    if route.template.startswith("/v1/"):
        yield Unacceptable  # also where there are no parameters: one that is unknown is refused


def _add_problems(responses: dict[str, Any], added: dict[int | str, dict[str, Any]]) -> None:
    """Name the codes beside those that the route lists for the same status."""
    for status, answer in added.items():
        listed = responses.setdefault(str(status), answer)
        codes = [*listed["description"].split(", "), *answer["description"].split(", ")]
        listed["description"] = ", ".join(dict.fromkeys(codes))


def _speakable(schema: Any) -> None:
    """Say of every text that may be sent what ``app/api/strict.py`` asks of all of them."""
    if isinstance(schema, list):
        for each in schema:
            _speakable(each)
    elif isinstance(schema, dict):
        free = schema.get("format", "password") == "password" and not _SHAPED & schema.keys()
        if schema.get("type") == "string" and free:
            schema["pattern"] = f"^[^{OBEYED}]*$"
        for each in schema.values():
            _speakable(each)


def _declare(operation: dict[str, Any], route: DeclaredRoute) -> None:
    if "HTTPValidationError" in str(operation["responses"].get("422")):
        del operation["responses"]["422"]
    _speakable([each["schema"] for each in operation.get("parameters", ()) if each["in"] == "query"])
    _add_problems(operation["responses"], problems(*_before_the_verb(route, operation)))
    if route.permission:
        operation["security"] = [{"bearer": []}]
        operation["x-permission"] = route.permission
    if route.takes_key:
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": route.needs_key,
                "description": "1 to 255 visible characters; the same request with the same key is done once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
