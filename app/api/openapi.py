"""The OpenAPI description: the framework's, and what our signatures declare beyond it."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE
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
_REFUSAL: dict[str, Any] = {
    "description": "Refused; see `code`.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


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
    return document


def _declare(operation: dict[str, Any], route: DeclaredRoute) -> None:
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = _REFUSAL
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
