"""Withdrawals: dollars to a linked bank account, by ACH."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import Field

from app.api.bodies import AccountId, AmountText, BankLinkId, Body, WithdrawalId
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
    InsufficientFunds,
    InvalidAmount,
    KycRequired,
    LimitExceeded,
    Missing,
    OutcomeUnresolved,
    Overloaded,
)
from app.ids import public_id
from app.orchestrator.flows.withdrawal import Withdrawal
from app.orchestrator.journal import SagaRecord

router = APIRouter(prefix="/v1/withdrawals", tags=["orders"], route_class=StrictRoute)

WithdrawalStatus = Annotated[
    Literal["pending", "sending", "completed", "cancelling", "cancelled", "returned", "parked"],
    Field(
        description="`completed`: the bank has sent it, and may yet return it for two months; `cancelled`: it was "
        "not sent; `returned`: it was sent and came back; `parked`: a person will decide"
    ),
]


class WithdrawalRequest(Body):
    """Push dollars from an account here to a linked bank account."""

    account_id: AccountId
    bank_link_id: BankLinkId
    amount: AmountText


class WithdrawalView(OrderView):
    """A withdrawal: how much, from which account, to where."""

    status: WithdrawalStatus
    account_id: str
    bank_link_id: str
    amount: str
    currency: str

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        agreed = Withdrawal.model_validate(saga.params)
        return cls(
            **order_facts(saga, "wdr"),
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
        InsufficientFunds,
        LimitExceeded,
        CoolingPeriod,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_withdrawal(
    body: WithdrawalRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> WithdrawalView:
    """Start pushing dollars out of an account."""
    asked = asked_by(caller, body, key)
    return WithdrawalView.of(
        await runtime.orders.bank.withdrawal(asked, body.account_id, body.bank_link_id, body.amount)
    )


@router.get("/{withdrawal_id}", responses=problems(Missing))
async def show_withdrawal(withdrawal_id: WithdrawalId, caller: Reader, runtime: CurrentRuntime) -> WithdrawalView:
    """A withdrawal, and where it stands."""
    return WithdrawalView.of(await own_order(runtime, caller, withdrawal_id, "withdrawal"))
