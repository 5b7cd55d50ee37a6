"""What a route's signature declares about itself, and the dependencies that hold it to its word.

The middleware reads these declarations from the signature of the matched route and enforces them before the body is
read; the dependency checks again, so a route can never be reached with less than its signature says.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Query
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Scope

from app.errors import IdempotencyKeyMissing, TokenMissing
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.middleware.state import state_of


@dataclass(frozen=True, slots=True)
class NeedsPermission:
    """The caller's token must carry the permission; yields the caller."""

    permission: Permission

    async def __call__(self, request: Request) -> Principal:
        principal = state_of(request.scope).principal
        if principal is None:
            raise TokenMissing
        principal.require(self.permission)
        return principal


@dataclass(frozen=True, slots=True)
class NeedsKey:
    """The request carries an Idempotency-Key; yields it."""

    async def __call__(self, request: Request) -> str:
        key = state_of(request.scope).idempotency_key
        if key is None:
            raise IdempotencyKeyMissing
        return key


def is_dry_run(scope: Scope) -> bool:
    """Whether the request only asks what would happen: it binds no key, since it does nothing."""
    query = scope["query_string"]
    return bool(query) and QueryParams(query).get("dry_run") == "true"


_DryRun = Annotated[Literal["true", "false"], Query(description="Say what would happen, and do nothing.")]


@dataclass(frozen=True, slots=True)
class NeedsKeyUnlessDryRun:
    """The request carries an Idempotency-Key, or is a dry run; yields the key, None for a dry run."""

    async def __call__(self, request: Request, dry_run: _DryRun = "false") -> str | None:
        key = state_of(request.scope).idempotency_key
        if dry_run == "true":
            return None
        if key is None:
            raise IdempotencyKeyMissing
        return key


@dataclass(frozen=True, slots=True)
class MayHaveKey:
    """The request may carry an Idempotency-Key; yields it, or None."""

    async def __call__(self, request: Request) -> str | None:
        return state_of(request.scope).idempotency_key
