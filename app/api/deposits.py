"""Deposits: dollars from a linked bank account, by ACH."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import Field

from app.api.bodies import AccountId, AmountText, BankLinkId, Body, DepositId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.orders import OrderView, asked_by, order_facts, own_order
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    CoolingPeriod,
    CurrencyMismatch,
    IdempotencyKeyReused,
    InvalidAmount,
    KycRequired,
    LimitExceeded,
    Missing,
    OutcomeUnresolved,
    Overloaded,
)
from app.ids import public_id
from app.orchestrator.flows.deposit import Deposit
from app.orchestrator.journal import SagaRecord

router = APIRouter(prefix="/v1/deposits", tags=["orders"], route_class=StrictRoute)

DepositStatus = Annotated[
    Literal["pending", "collecting", "completed", "cancelled", "parked"],
    Field(description="`cancelled`: nothing arrived; `parked`: a person will decide"),
]


class DepositRequest(Body):
    """Pull dollars from a linked bank account into an account here."""

    account_id: AccountId
    bank_link_id: BankLinkId
    amount: AmountText


class DepositView(OrderView):
    """A deposit: how much, from where, into which account."""

    status: DepositStatus
    account_id: str
    bank_link_id: str
    amount: str
    currency: str

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        agreed = Deposit.model_validate(saga.params)
        return cls(
            **order_facts(saga, "dep"),
            account_id=public_id(agreed.account_id),
            bank_link_id=public_id(agreed.bank_link_id),
            amount=str(agreed.amount),
            currency=agreed.amount.asset.code,
        )


@router.post(
    "",
    status_code=202,
    responses=problems(
        KycRequired,
        IdempotencyKeyReused,
        AccountNotFound,
        InvalidAmount,
        CurrencyMismatch,
        Missing,
        AccountClosed,
        AccountFrozen,
        LimitExceeded,
        CoolingPeriod,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_deposit(
    body: DepositRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> DepositView:
    """Start pulling dollars into an account."""
    asked = asked_by(caller, body, key)
    return DepositView.of(await runtime.orders.bank.deposit(asked, body.account_id, body.bank_link_id, body.amount))


@router.get("/{deposit_id}", responses=problems(Missing))
async def show_deposit(deposit_id: DepositId, caller: Reader, runtime: CurrentRuntime) -> DepositView:
    """A deposit, and where it stands."""
    return DepositView.of(await own_order(runtime, caller, deposit_id, "deposit"))
