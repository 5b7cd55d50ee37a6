"""What there is to attack, read from the application's own routes: a route is attacked the day it appears."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any

from fastapi import FastAPI

from app.api import openapi
from app.identity.permissions import Permission
from app.main import ROUTERS
from app.middleware.route_table import RouteTable

Place = tuple[str | int, ...]
"""Where something stands in a body."""

_KNOWN = {"url": "http://127.0.0.1:9/hooks", "webhook_id": "unit:0", "pending_id": "0", "phone_hash": "a" * 64}
"""Texts whose shape their schema does not tell, by the name of the field."""
_LIKE_THE_OTHERS = "a" * 26


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. ``bodies`` are well-formed ones, one for each variant of what it takes."""

    method: str
    template: str
    permission: Permission | None
    streams: bool
    parameters: tuple[dict[str, Any], ...]
    bodies: tuple[Any, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def path_parameters(self) -> tuple[dict[str, Any], ...]:
        return tuple(each for each in self.parameters if each["in"] == "path")

    def path(self, **values: str) -> str:
        """The path with those values, and with something well-formed where none is given."""
        shapes = {each["name"]: next(_samples(each["schema"], {}, each["name"])) for each in self.path_parameters}
        return self.template.format(**{name: values.get(name, str(shape)) for name, shape in shapes.items()})


def application() -> tuple[FastAPI, RouteTable]:
    """The application's routes, with nothing behind them."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return app, RouteTable.of(app.routes)


def operations() -> tuple[Operation, ...]:
    """Every operation of the application, as its description tells it."""
    app, routes = application()
    document = openapi.describe(app, routes)
    declared = {(route.template, route.method.lower()): route for route in routes}
    return tuple(
        _operation(document, operation, template, method, declared[template, method].permission)
        for template, methods in document["paths"].items()
        for method, operation in methods.items()
    )


def places(body: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Everything in a body, with where it stands."""
    yield at, body
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, member in members:
        yield from places(member, (*at, name))


def changed(body: Any, at: Place, value: Any) -> Any:
    """The body with something else in that place."""
    if not at:
        return value
    copy = deepcopy(body)
    holder = copy
    for name in at[:-1]:
        holder = holder[name]
    holder[at[-1]] = value
    return copy


def _operation(
    document: dict[str, Any], operation: dict[str, Any], template: str, method: str, permission: Permission | None
) -> Operation:
    schemas = document["components"]["schemas"]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    streams = any("text/event-stream" in each.get("content", {}) for each in operation["responses"].values())
    bodies = tuple(each for each in _samples(content["schema"], schemas) if each is not None) if content else ()
    parameters = tuple(
        {**each, "schema": schemas[each["schema"]["$ref"].rpartition("/")[2]]} if "$ref" in each["schema"] else each
        for each in operation.get("parameters", ())
    )
    return Operation(method.upper(), template, permission, streams, parameters, bodies)


def _samples(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Iterator[Any]:
    """Well-formed values, at least one for each alternative."""
    if "$ref" in schema:
        yield from _samples(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    elif alternatives := schema.get("oneOf") or schema.get("anyOf"):
        for each in alternatives:
            yield from _samples(each, schemas, name)
    elif "const" in schema:
        yield schema["const"]
    elif "enum" in schema:
        yield schema.get("examples", schema["enum"])[0]
    else:
        yield from _plain(schema, schemas, name)


def _plain(schema: dict[str, Any], schemas: dict[str, Any], name: str) -> Iterator[Any]:
    match schema.get("type"):
        case "object":
            members = [
                [each for each in _samples(member, schemas, each_name) if each is not None]
                for each_name, member in schema.get("properties", {}).items()
            ]
            for values in product(*members):
                yield dict(zip(schema.get("properties", {}), values, strict=True))
        case "array":
            for item in _samples(schema["items"], schemas, name):
                yield [item]
        case "string":
            yield _text(schema, name)
        case "integer":
            yield int(schema.get("minimum", 1))
        case "boolean":
            yield False
        case _:
            yield None


def _text(schema: dict[str, Any], name: str) -> str:
    if name in _KNOWN:
        return _KNOWN[name]
    example = str(schema.get("examples", ["a" * max(1, schema.get("minLength", 1))])[0])
    return example.replace("...", _LIKE_THE_OTHERS)
