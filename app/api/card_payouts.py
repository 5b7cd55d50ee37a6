"""Card payouts: dollars from an account here to a debit card, at once."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import Field, SecretStr

from app.api.bodies import AccountId, AmountText, Body, CardPayoutId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.orders import OrderView, asked_by, order_facts, own_order
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
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
from app.orchestrator.flows.card_payout import CardPayout
from app.orchestrator.journal import SagaRecord

router = APIRouter(prefix="/v1/card-payouts", tags=["orders"], route_class=StrictRoute)

CardPayoutStatus = Annotated[
    Literal["pending", "sending", "completed", "cancelling", "cancelled", "failed", "parked"],
    Field(
        description="`failed`: the card's bank sent it back, and it is in the account again; `cancelled`: nothing was "
        "paid; `parked`: a person will decide"
    ),
]
CardToken = Annotated[
    str,
    Field(
        pattern=r"^tok_[A-Za-z0-9_]{1,200}$",
        description="What the vendor's mobile SDK made of a debit card; the card's number never comes here",
        examples=["tok_visa_debit"],
    ),
]


class CardPayoutRequest(Body):
    """Pay dollars of an account here out to a debit card."""

    account_id: AccountId
    card_token: CardToken
    amount: AmountText


class CardPayoutView(OrderView):
    """A payout: how much, from which account."""

    status: CardPayoutStatus
    account_id: str
    amount: str
    currency: str

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        agreed = CardPayout.model_validate(saga.params)
        return cls(
            **order_facts(saga, "cpo"),
            account_id=public_id(agreed.account_id),
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
        AccountClosed,
        AccountFrozen,
        InsufficientFunds,
        LimitExceeded,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_card_payout(
    body: CardPayoutRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> CardPayoutView:
    """Start paying out to a debit card."""
    asked, token = asked_by(caller, body, key), SecretStr(body.card_token)
    return CardPayoutView.of(await runtime.orders.cards.payout(asked, body.account_id, token, body.amount))


@router.get("/{payout_id}", responses=problems(Missing))
async def show_card_payout(payout_id: CardPayoutId, caller: Reader, runtime: CurrentRuntime) -> CardPayoutView:
    """A payout, and where it stands."""
    return CardPayoutView.of(await own_order(runtime, caller, payout_id, "card_payout"))
