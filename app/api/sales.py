"""Sales: crypto to fiat."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import Field

from app.api.bodies import AccountId, Body, QuoteId, SaleId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.orders import AccountDestination, OrderView, asked_by, order_facts, own_order
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    KycRequired,
    LimitExceeded,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    QuoteExpired,
    QuoteMismatch,
    QuoteUsed,
)
from app.ids import public_id
from app.orchestrator.flows.sale import Sale
from app.orchestrator.journal import SagaRecord

router = APIRouter(prefix="/v1/sales", tags=["orders"], route_class=StrictRoute)

SaleStatus = Annotated[
    Literal["pending", "converting", "completed", "cancelling", "cancelled", "parked"],
    Field(description="`cancelled`: the coins are where they were; `parked`: a person will decide"),
]


class SaleRequest(Body):
    """Sell at a quote."""

    quote_id: QuoteId
    source_account_id: AccountId
    destination: AccountDestination


class SaleView(OrderView):
    """A sale: what is sold, what arrives, and the fee that is taken off already."""

    status: SaleStatus
    base_amount: str
    base: str
    total: str
    fee: str
    quote_currency: str
    source_account_id: str
    destination_account_id: str

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        agreed = Sale.model_validate(saga.params)
        return cls(
            **order_facts(saga, "sal"),
            base_amount=str(agreed.coins),
            base=agreed.coins.asset.code,
            total=str(agreed.total),
            fee=str(agreed.fee),
            quote_currency=agreed.total.asset.code,
            source_account_id=public_id(agreed.source_account_id),
            destination_account_id=public_id(agreed.receiving_account_id),
        )


@router.post(
    "",
    status_code=202,
    responses=problems(
        KycRequired,
        IdempotencyKeyReused,
        Missing,
        QuoteUsed,
        QuoteExpired,
        QuoteMismatch,
        AccountNotFound,
        DestinationNotFound,
        CurrencyMismatch,
        AccountClosed,
        AccountFrozen,
        InsufficientFunds,
        LimitExceeded,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_sale(
    body: SaleRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> SaleView:
    """Start selling crypto for fiat."""
    saga = await runtime.orders.trades.sale(
        asked_by(caller, body, key), body.quote_id, body.source_account_id, body.destination.account_id
    )
    return SaleView.of(saga)


@router.get("/{sale_id}", responses=problems(Missing))
async def show_sale(sale_id: SaleId, caller: Reader, runtime: CurrentRuntime) -> SaleView:
    """A sale, and where it stands."""
    return SaleView.of(await own_order(runtime, caller, sale_id, "sale"))
