"""Purchases: fiat to crypto."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import Field

from app.api.bodies import AccountId, BankLinkId, Body, PurchaseId, QuoteId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.orders import AccountDestination, OrderView, asked_by, order_facts, own_order
from app.api.problems import problems
from app.api.quotes import ChainName
from app.api.strict import StrictRoute
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    ChainUnsupported,
    CoolingPeriod,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAddress,
    KycRequired,
    LimitExceeded,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    QuoteExpired,
    QuoteMismatch,
    QuoteUsed,
    UserFrozen,
)
from app.orchestrator.flows.purchase import Purchase
from app.orchestrator.journal import SagaRecord
from app.orchestrator.orders.trades import Destination, Funding

router = APIRouter(prefix="/v1/purchases", tags=["orders"], route_class=StrictRoute)

PurchaseStatus = Annotated[
    Literal[
        "pending",
        "collecting",
        "converting",
        "delivering",
        "completed",
        "refunding",
        "refunded",
        "cancelled",
        "parked",
    ],
    Field(
        description="`refunded`: money had been taken and has been sent back; `cancelled`: none was taken; "
        "`parked`: a person will decide"
    ),
]


class BankFunding(Body):
    """Pay from a linked bank account, by ACH."""

    type: Literal["bank"]
    bank_link_id: BankLinkId


class AccountFunding(Body):
    """Pay from an account here."""

    type: Literal["account"]
    account_id: AccountId


class AddressDestination(Body):
    """Receive on chain."""

    type: Literal["address"]
    chain: ChainName
    address: Annotated[str, Field(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9]+$")]


class PurchaseRequest(Body):
    """Buy at a quote."""

    quote_id: QuoteId
    funding: Annotated[BankFunding | AccountFunding, Field(discriminator="type")]
    destination: Annotated[AccountDestination | AddressDestination, Field(discriminator="type")]


class PurchaseView(OrderView):
    """A purchase: what it costs, what it buys, and the transaction that delivers it once it is broadcast."""

    status: PurchaseStatus
    total: str
    fee: str
    network_fee: str
    quote_currency: str
    base_amount: str
    base: str
    tx_id: str | None

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        agreed = Purchase.model_validate(saga.params)
        return cls(
            **order_facts(saga, "pur"),
            total=str(agreed.total),
            fee=str(agreed.fee),
            network_fee=str(agreed.network_fee),
            quote_currency=agreed.total.asset.code,
            base_amount=str(agreed.coins),
            base=agreed.coins.asset.code,
            tx_id=saga.results.get("deliver", {}).get("tx_id"),
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
        CurrencyMismatch,
        InvalidAddress,
        ChainUnsupported,
        DestinationNotFound,
        AccountClosed,
        AccountFrozen,
        InsufficientFunds,
        LimitExceeded,
        CoolingPeriod,
        UserFrozen,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_purchase(
    body: PurchaseRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> PurchaseView:
    """Start buying crypto with fiat."""
    funding, destination = _funding(body.funding), _destination(body.destination)
    saga = await runtime.orders.trades.purchase(asked_by(caller, body, key), body.quote_id, funding, destination)
    return PurchaseView.of(saga)


@router.get("/{purchase_id}", responses=problems(Missing))
async def show_purchase(purchase_id: PurchaseId, caller: Reader, runtime: CurrentRuntime) -> PurchaseView:
    """A purchase, and where it stands."""
    return PurchaseView.of(await own_order(runtime, caller, purchase_id, "purchase"))


def _funding(funding: BankFunding | AccountFunding) -> Funding:
    return Funding(funding.type, funding.bank_link_id if isinstance(funding, BankFunding) else funding.account_id)


def _destination(destination: AccountDestination | AddressDestination) -> Destination:
    if isinstance(destination, AccountDestination):
        return Destination(account_id=destination.account_id)
    return Destination(chain=destination.chain, address=destination.address)
