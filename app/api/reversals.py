"""Taking transactions back: whole, or in part, for operators. What a saga owns it undoes itself."""

from fastapi import APIRouter, Response

from app.api.bodies import AmountText, Body, CurrencyCode, Reason, TransactionId
from app.api.deps import CurrentRuntime, IdempotencyKey, Operator
from app.api.problems import problems
from app.api.proposals import PROPOSED, ProposalView, proposed
from app.api.strict import StrictRoute
from app.api.transfers import TransactionView
from app.compliance.proposals import Proposal
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AlreadyRefunded,
    AlreadyReversed,
    CurrencyMismatch,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAmount,
    Missing,
    NotReversible,
    OutcomeUnresolved,
    Overloaded,
    RefundExceedsRemainder,
    SecondOperatorNeeded,
)
from app.ids import stored_id
from app.ledger.acts import Answerable
from app.money import Money, asset

router = APIRouter(prefix="/v1/admin/transactions", tags=["reversals"], route_class=StrictRoute)


class ReversalRequest(Body):
    """Why it is taken back; kept with who did it."""

    reason: Reason


class RefundRequest(Body):
    """How much goes back to the source, and why."""

    amount: AmountText
    currency: CurrencyCode
    reason: Reason


@router.post(
    "/{transaction_id}/reverse",
    status_code=201,
    responses={
        **PROPOSED,
        **problems(
            Missing,
            NotReversible,
            IdempotencyKeyReused,
            SecondOperatorNeeded,
            AccountClosed,
            AccountFrozen,
            AlreadyReversed,
            AlreadyRefunded,
            InsufficientFunds,
            Overloaded,
            OutcomeUnresolved,
        ),
    },
)
async def reverse_transaction(
    transaction_id: TransactionId,
    body: ReversalRequest,
    caller: Operator,
    key: IdempotencyKey,
    runtime: CurrentRuntime,
    response: Response,
) -> TransactionView | ProposalView:
    """Post the mirror of a transaction, whole and once; above the limit, propose it or agree to it."""
    answerable = Answerable(caller.user_id, body.reason, key)
    reversal = await runtime.desk.reversals.reverse(stored_id(caller.book, transaction_id), answerable)
    if isinstance(reversal, Proposal):
        return proposed(reversal, response)
    return TransactionView.of(reversal, {})


@router.post(
    "/{transaction_id}/refunds",
    status_code=201,
    responses={
        **PROPOSED,
        **problems(
            Missing,
            InvalidAmount,
            NotReversible,
            IdempotencyKeyReused,
            SecondOperatorNeeded,
            CurrencyMismatch,
            AccountClosed,
            AccountFrozen,
            AlreadyReversed,
            RefundExceedsRemainder,
            InsufficientFunds,
            Overloaded,
            OutcomeUnresolved,
        ),
    },
)
async def refund_transaction(
    transaction_id: TransactionId,
    body: RefundRequest,
    caller: Operator,
    key: IdempotencyKey,
    runtime: CurrentRuntime,
    response: Response,
) -> TransactionView | ProposalView:
    """Give back part of what a transaction moved, or, above the limit, propose it or agree to it.

    All refunds together never exceed the original.
    """
    amount = Money.parse(body.amount, asset(body.currency))
    runtime.step_up.require(caller.authentication, [amount])
    answerable = Answerable(caller.user_id, body.reason, key)
    refund = await runtime.desk.reversals.refund(stored_id(caller.book, transaction_id), amount, answerable)
    if isinstance(refund, Proposal):
        return proposed(refund, response)
    return TransactionView.of(refund, {})
