"""The caller's own account at the partner bank: others can pay to it by its numbers."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.deps import CurrentRuntime, Reader
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import OnboardingIncomplete, ProviderUnavailable
from app.identity.users import User
from app.providers.bank_ports import AccountNumbers
from app.wallets.bank_account import numbers_of

router = APIRouter(prefix="/v1/deposit-account", tags=["deposit account"], route_class=StrictRoute)


class DepositAccountView(BaseModel):
    """The account, by the end of its number."""

    mask: str

    @classmethod
    def of(cls, user: User) -> Self:
        if user.deposit_account_mask is None:
            raise OnboardingIncomplete
        return cls(mask=user.deposit_account_mask)


class NumbersView(BaseModel):
    """What somebody needs to pay to the account. Not kept here: the bank is asked each time."""

    routing_number: str
    account_number: str

    @classmethod
    def of(cls, numbers: AccountNumbers) -> Self:
        return cls(
            routing_number=numbers.routing_number.get_secret_value(),
            account_number=numbers.account_number.get_secret_value(),
        )


@router.get("", responses=problems(OnboardingIncomplete))
async def show_deposit_account(caller: Reader, runtime: CurrentRuntime) -> DepositAccountView:
    """Your account at the bank."""
    return DepositAccountView.of(await runtime.users.get_or_create(caller))


@router.get("/numbers", responses=problems(OnboardingIncomplete, ProviderUnavailable))
async def show_account_numbers(caller: Reader, runtime: CurrentRuntime) -> NumbersView:
    """The full numbers of your account at the bank."""
    user = await runtime.users.get_or_create(caller)
    return NumbersView.of(await numbers_of(user, runtime.providers.accounts))
