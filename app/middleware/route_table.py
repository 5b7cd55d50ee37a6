"""Every route of an application with what its signature declares, read once at start-up."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import isroutine
from typing import Any, Protocol, Self, get_type_hints

from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from app.identity.permissions import Permission
from app.middleware.declarations import MayHaveKey, NeedsKey, NeedsKeyUnlessDryRun, NeedsPermission
from app.middleware.routes import DeclaredRoute


class _Matches(Protocol):
    def matches(self, scope: Scope) -> tuple[Match, Scope]: ...


class RouteTable:
    """Finds the declared route of a request by asking the framework's own routes, in the framework's order."""

    def __init__(self, entries: Iterable[tuple[_Matches, DeclaredRoute]]) -> None:
        self._by_method: dict[str, list[tuple[_Matches, DeclaredRoute]]] = {}
        for matcher, route in entries:
            self._by_method.setdefault(route.method, []).append((matcher, route))

    @classmethod
    def of(cls, routes: Sequence[BaseRoute]) -> Self:
        """Read an application's routes.

        Raises ValueError for a route that declares two permissions, or a parameter with two dependencies.
        """
        return cls((context, declared) for context in iter_route_contexts(routes) for declared in _declared_by(context))

    def __iter__(self) -> Iterator[DeclaredRoute]:
        return (route for entries in self._by_method.values() for _, route in entries)

    def match(self, scope: Scope) -> tuple[DeclaredRoute, dict[str, str]] | None:
        """The route that will answer, and its path parameters; None for 404 and 405."""
        for matcher, route in self._by_method.get(scope["method"], ()):
            match, child_scope = matcher.matches(scope)
            if match is Match.FULL:
                return route, {name: str(value) for name, value in child_scope["path_params"].items()}
        return None


def _declared_by(context: RouteContext) -> Iterator[DeclaredRoute]:
    dependant: Dependant | None = getattr(context.original_route, "dependant", None) and context.dependant
    declarations = list(_declarations(dependant)) if dependant else []
    permissions = {each.permission for each in declarations if isinstance(each, NeedsPermission)}
    if len(permissions) > 1:
        raise ValueError(f"{context.path_format} declares several permissions: {sorted(permissions)}")
    permission: Permission | None = next(iter(permissions), None)
    may_dry_run = any(isinstance(each, NeedsKeyUnlessDryRun) for each in declarations)
    needs_key = may_dry_run or any(isinstance(each, NeedsKey) for each in declarations)
    takes_key = needs_key or any(isinstance(each, MayHaveKey) for each in declarations)
    for method in sorted(context.methods or ()):
        yield DeclaredRoute(method, context.path_format or "", permission, takes_key, needs_key, may_dry_run)


def _declarations(dependant: Dependant) -> Iterator[object]:
    if isroutine(dependant.call):
        _refuse_hidden_dependencies(dependant.call)
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _declarations(dependency)


def _refuse_hidden_dependencies(call: Callable[..., Any]) -> None:
    """FastAPI runs only the last of a parameter's dependencies; the others, a check perhaps, would never happen."""
    for name, annotation in get_type_hints(call, include_extras=True).items():
        found = [each for each in getattr(annotation, "__metadata__", ()) if isinstance(each, Depends)]
        if len(found) > 1:
            raise ValueError(
                f"{name} of {call.__qualname__} has several dependencies, of which only the last would run"
            )
