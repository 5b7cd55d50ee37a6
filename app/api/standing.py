"""Freezing, unfreezing, closing and reopening accounts, for compliance officers."""

from fastapi import APIRouter

from app.api.accounts import AccountView
from app.api.bodies import AccountId, Body, Reason
from app.api.deps import ComplianceOfficer, CurrentRuntime, IdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountInUse,
    AccountNotEmpty,
    AccountNotFound,
    AccountOpen,
    IdempotencyKeyReused,
    OutcomeUnresolved,
    Overloaded,
    UserFrozen,
)
from app.ids import stored_id
from app.ledger.acts import Answerable
from app.ledger.standing import Act

router = APIRouter(prefix="/v1/admin/accounts", tags=["standing"], route_class=StrictRoute)


class ActRequest(Body):
    """Why it is done; kept with who did it."""

    reason: Reason


@router.post(
    "/{account_id}/{act}",
    responses=problems(
        IdempotencyKeyReused,
        AccountNotFound,
        AccountInUse,
        UserFrozen,
        AccountOpen,
        AccountFrozen,
        AccountClosed,
        AccountNotEmpty,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def change_standing(
    account_id: AccountId,
    act: Act,
    body: ActRequest,
    caller: ComplianceOfficer,
    key: IdempotencyKey,
    runtime: CurrentRuntime,
) -> AccountView:
    """Freeze, unfreeze, close or reopen a customer's account."""
    answerable = Answerable(caller.user_id, body.reason, key)
    return AccountView.of(await runtime.acts.change_standing(stored_id(caller.book, account_id), act, answerable))
