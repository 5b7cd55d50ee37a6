"""What a route asks for in its signature: who calls, under which key, and the parts of the runtime it uses."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.identity.store import Users
from app.middleware.declarations import MayHaveKey, NeedsKey, NeedsPermission
from app.providers.ports import VerifiesPeople
from app.runtime import Runtime

Reader = Annotated[Principal, Depends(NeedsPermission(Permission.WALLET_READ))]
"""A caller who may read their wallet."""

Transactor = Annotated[Principal, Depends(NeedsPermission(Permission.WALLET_TRANSACT))]
"""A caller who may move money."""

IdempotencyKey = Annotated[str, Depends(NeedsKey())]
"""The request's key; a request without one is refused."""

OptionalIdempotencyKey = Annotated[str | None, Depends(MayHaveKey())]
"""The request's key, where one is welcome but not needed."""


async def runtime_of(request: Request) -> Runtime:
    """The runtime that the application was made with."""
    runtime: Runtime = request.app.state.runtime
    return runtime


CurrentRuntime = Annotated[Runtime, Depends(runtime_of)]


async def _users(runtime: CurrentRuntime) -> Users:
    return runtime.users


async def _people(runtime: CurrentRuntime) -> VerifiesPeople:
    return runtime.people


AllUsers = Annotated[Users, Depends(_users)]
People = Annotated[VerifiesPeople, Depends(_people)]
