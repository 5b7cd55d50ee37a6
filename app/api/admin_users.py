"""Customers, for compliance officers: where their verification stands, their accounts, and freezing all of them."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.accounts import AccountView
from app.api.bodies import Body, Reason, UserId
from app.api.deps import ComplianceOfficer, ComplianceReader, CurrentRuntime, OptionalIdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, cursor_at, position_of
from app.errors import IdempotencyKeyReused, LevelUnknown, Malformed, Missing, OutcomeUnresolved, Overloaded
from app.identity.principals import Principal
from app.identity.users import User
from app.ids import new_id
from app.ledger.accounts import CUSTOMER, Account
from app.ledger.acts import Answerable
from app.ledger.owners import Owner
from app.ledger.standing import Act
from app.runtime import Runtime

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
    """A customer with their accounts, whether they are frozen, and the level of their limits."""

    frozen: bool
    limit_level: str
    accounts: list[AccountView]

    @classmethod
    def whole(cls, user: User, owner: Owner, accounts: list[Account]) -> Self:
        return cls(
            **UserLine.of(user).model_dump(),
            frozen=owner.frozen,
            limit_level=owner.level,
            accounts=[AccountView.of(each) for each in accounts],
        )


class StandingRequest(Body):
    """Why it is done; kept with who did it."""

    reason: Reason


class LevelRequest(Body):
    """Which limits are to be theirs, and why."""

    level: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,39}$", examples=["standard", "enhanced"])]
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
    return await _shown(caller, user_id, runtime)


@router.post(
    "/{user_id}/level", responses=problems(LevelUnknown, Missing, IdempotencyKeyReused, Overloaded, OutcomeUnresolved)
)
async def change_customers_level(
    user_id: UserId, body: LevelRequest, caller: ComplianceOfficer, key: OptionalIdempotencyKey, runtime: CurrentRuntime
) -> UserView:
    """Give a customer another level of limits; it counts from the next payment on."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    await runtime.desk.customers.change_level(caller.book, user_id, body.level, answerable)
    return await _shown(caller, user_id, runtime)


@router.post("/{user_id}/{act}", responses=problems(Missing, IdempotencyKeyReused, Overloaded, OutcomeUnresolved))
async def change_customers_standing(
    user_id: UserId,
    act: Standing,
    body: StandingRequest,
    caller: ComplianceOfficer,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
) -> UserView:
    """Freeze a customer with every account, in one commit, or take that back. A frozen one can open no account."""
    answerable = Answerable(caller.user_id, body.reason, key or new_id("key"))
    await runtime.desk.customers.change_standing(caller.book, user_id, Act(act), answerable)
    return await _shown(caller, user_id, runtime)


async def _shown(caller: Principal, user_id: str, runtime: Runtime) -> UserView:
    user = await runtime.users.get(caller.tenant, user_id)
    if user is None:
        raise Missing("user")
    owner = await runtime.ledger.owner(caller.book, user_id)
    return UserView.whole(user, owner, await runtime.ledger.accounts_of(caller.book, user_id, CUSTOMER))
