"""Card top-ups: dollars into an account, paid with a card in the vendor's own dialogue."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.responses import Response

from app.api.bodies import AccountId, AmountText, Body, CardTopupId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.orders import OrderView, asked_by, order_facts, own_order
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
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
from app.orchestrator.flows.card_topup import CardTopup
from app.orchestrator.journal import SagaRecord

router = APIRouter(prefix="/v1/card-topups", tags=["orders"], route_class=StrictRoute)

CardTopupStatus = Annotated[
    Literal["pending", "awaiting_payment", "completed", "cancelling", "expired", "cancelled", "parked"],
    Field(
        description="`awaiting_payment`: the customer may confirm it with `client_secret`; `expired`: nobody did in "
        "time, and it is cancelled; `parked`: a person will decide"
    ),
]


class CardTopupRequest(Body):
    """Pay dollars into an account here by card."""

    account_id: AccountId
    amount: AmountText


class CardTopupView(OrderView):
    """A top-up: how much, into which account, and while it can be paid, the secret that the vendor's dialogue needs."""

    status: CardTopupStatus
    account_id: str
    amount: str
    currency: str
    expires_at: Instant
    client_secret: Annotated[
        str | None, Field(description="For the vendor's mobile SDK alone; absent until it can be paid, and afterwards")
    ]

    @classmethod
    def of(cls, saga: SagaRecord, secret: SecretStr | None) -> Self:
        agreed = CardTopup.model_validate(saga.params)
        return cls(
            **order_facts(saga, "ctu"),
            account_id=public_id(agreed.account_id),
            amount=str(agreed.amount),
            currency=agreed.amount.asset.code,
            expires_at=agreed.expires_at,
            client_secret=secret.get_secret_value() if secret else None,
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
        LimitExceeded,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_card_topup(
    body: CardTopupRequest,
    caller: VerifiedTransactor,
    key: IdempotencyKey,
    runtime: CurrentRuntime,
    response: Response,
) -> CardTopupView:
    """Start a payment by card. The answer is not remembered, because of its secret; asked again, it is made anew."""
    response.headers["Cache-Control"] = "no-store"
    started = await runtime.orders.cards.topup(asked_by(caller, body, key), body.account_id, body.amount)
    topup = await runtime.card_prompts.ready(started)
    return CardTopupView.of(topup, runtime.card_prompts.secret_of(topup))


@router.get("/{topup_id}", responses=problems(Missing))
async def show_card_topup(topup_id: CardTopupId, caller: Reader, runtime: CurrentRuntime) -> CardTopupView:
    """A top-up, and where it stands."""
    topup = await own_order(runtime, caller, topup_id, "card_topup")
    return CardTopupView.of(topup, runtime.card_prompts.secret_of(topup))
