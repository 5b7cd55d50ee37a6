"""What a route asks for in its signature: who calls, under which key, and the parts of the runtime it uses."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from app.compliance.kyc import require_verified
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.middleware.declarations import MayHaveKey, NeedsKey, NeedsKeyUnlessDryRun, NeedsPermission
from app.runtime import Runtime

Reader = Annotated[Principal, Depends(NeedsPermission(Permission.WALLET_READ))]
"""A caller who may read their wallet."""

Transactor = Annotated[Principal, Depends(NeedsPermission(Permission.WALLET_TRANSACT))]
"""A caller who may move money."""

ComplianceReader = Annotated[Principal, Depends(NeedsPermission(Permission.COMPLIANCE_READ))]
"""A caller who may look into customers' affairs."""

ComplianceOfficer = Annotated[Principal, Depends(NeedsPermission(Permission.COMPLIANCE_ACT))]
"""A caller who may act on customers' accounts."""

OperationsReader = Annotated[Principal, Depends(NeedsPermission(Permission.OPS_READ))]
"""A caller who may look at how things run."""

Operator = Annotated[Principal, Depends(NeedsPermission(Permission.OPS_ACT))]
"""A caller who may act on the books."""

Auditor = Annotated[Principal, Depends(NeedsPermission(Permission.AUDIT_READ))]
"""A caller who may read the books."""

IdempotencyKey = Annotated[str, Depends(NeedsKey())]
"""The request's key; a request without one is refused."""

KeyUnlessDryRun = Annotated[str | None, Depends(NeedsKeyUnlessDryRun())]
"""The request's key; None where ``?dry_run=true`` asks only what would happen."""

OptionalIdempotencyKey = Annotated[str | None, Depends(MayHaveKey())]
"""The request's key, where one is welcome but not needed."""


async def runtime_of(request: Request) -> Runtime:
    """The runtime that the application was made with."""
    runtime: Runtime = request.app.state.runtime
    return runtime


CurrentRuntime = Annotated[Runtime, Depends(runtime_of)]


class NeedsVerified(NeedsPermission):
    """The caller's identity must be verified too. Raises KycRequired."""

    async def __call__(self, request: Request) -> Principal:
        caller = await super().__call__(request)
        runtime = await runtime_of(request)
        require_verified(await runtime.users.caller(caller))
        return caller


VerifiedTransactor = Annotated[Principal, Depends(NeedsVerified(Permission.WALLET_TRANSACT))]
"""A verified caller who may move money."""
