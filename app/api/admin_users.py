"""Customers, for compliance officers: where their verification stands, their accounts, and freezing all of them."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.accounts import AccountView
from app.api.bodies import Body, Reason, UserId
from app.api.deps import ComplianceOfficer, ComplianceReader, CurrentRuntime, OptionalIdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, cursor_at, position_of
from app.errors import IdempotencyKeyReused, Malformed, Missing, OutcomeUnresolved, Overloaded
from app.identity.users import User
from app.ids import new_id
from app.ledger.accounts import CUSTOMER, Account
from app.ledger.acts import Answerable
from app.ledger.standing import Act

router = APIRouter(prefix="/v1/admin/users", tags=["customers"], route_class=StrictRoute)

Standing = Annotated[Literal["freeze", "unfreeze"], "what may be done to a customer as a whole"]


class UserLine(BaseModel):
    """A customer. Who they are is with the identity issuer and the verification vendor, not here."""

    id: str
    compliance_level: str
    applicant_id: str | None
    level_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.user_id,
            compliance_level=user.compliance_level,
            applicant_id=user.applicant_id,
            level_at=user.level_at,
            created_at=user.created_at,
        )


class UserView(UserLine):
    """A customer with their accounts."""

    accounts: list[AccountView]

    @classmethod
    def with_accounts(cls, user: User, accounts: list[Account]) -> Self:
        return cls(**UserLine.of(user).model_dump(), accounts=[AccountView.of(each) for each in accounts])


class StandingRequest(Body):
    """Why it is done; kept with who did it."""

    reason: Reason


@router.get("", responses=problems(Malformed))
async def list_users(
    caller: ComplianceReader, runtime: CurrentRuntime, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserLine]:
    """The tenant's customers, in the order of their ids."""
    found = await runtime.users.page(caller.tenant, position_of(cursor) if cursor else None, limit + 1)
    more = cursor_at(found[limit - 1].stored_id) if len(found) > limit else None
    return Page(items=[UserLine.of(each) for each in found[:limit]], next_cursor=more)


@router.get("/{user_id}", responses=problems(Missing))
async def show_user(user_id: UserId, caller: ComplianceReader, runtime: CurrentRuntime) -> UserView:
    """A customer and their accounts."""
    user = await runtime.users.get(caller.tenant, user_id)
    if user is None:
        raise Missing("user")
    return UserView.with_accounts(user, await runtime.ledger.accounts_of(caller.book, user_id, CUSTOMER))


@router.post("/{user_id}/{act}", responses=problems(Missing, IdempotencyKeyReused, Overloaded, OutcomeUnresolved))
async def change_customers_standing(
    user_id: UserId,
    act: Standing,
    body: StandingRequest,
    caller: ComplianceOfficer,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
) -> UserView:
    """Freeze or unfreeze every account of a customer, in one commit."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    accounts = await runtime.customers.change_standing(caller.book, user_id, Act(act), answerable)
    user = await runtime.users.get(caller.tenant, user_id)
    if user is None:
        raise Missing("user")
    return UserView.with_accounts(user, accounts)
