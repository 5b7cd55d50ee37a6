"""What customers order: purchases and deposits. Each is a saga; these are its request and the customer's view of it."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.bodies import AccountId, AmountText, BankLinkId, Body, DepositId, PurchaseId, QuoteId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.problems import problems
from app.api.quotes import ChainName
from app.api.strict import StrictRoute
from app.api.views import Instant
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAddress,
    InvalidAmount,
    KycRequired,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    QuoteExpired,
    QuoteMismatch,
    QuoteUsed,
)
from app.identity.principals import Principal
from app.ids import public_id
from app.orchestrator.flows.purchase import Purchase
from app.orchestrator.journal import SagaRecord
from app.orchestrator.orders import order_id, saga_id_of
from app.orchestrator.orders.trades import Destination, Funding
from app.orchestrator.progress import order_status
from app.orchestrator.starting import Asked

router = APIRouter(prefix="/v1", tags=["orders"], route_class=StrictRoute)


class BankFunding(Body):
    """Pay from a linked bank account, by ACH."""

    type: Literal["bank"]
    bank_link_id: BankLinkId


class AccountFunding(Body):
    """Pay from an account here."""

    type: Literal["account"]
    account_id: AccountId


class AccountDestination(Body):
    """Receive on an account here."""

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


class DepositRequest(Body):
    """Pull dollars from a linked bank account into an account here."""

    account_id: AccountId
    bank_link_id: BankLinkId
    amount: AmountText


class OrderView(BaseModel):
    """An order, and where it stands."""

    id: str
    saga_id: str
    status: str
    reason: str | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, saga: SagaRecord, kind: str) -> Self:
        return cls(
            id=order_id(saga, kind),
            saga_id=public_id(saga.id),
            status=order_status(saga),
            reason=saga.reason,
            created_at=saga.created_at,
            updated_at=saga.updated_at,
        )


class PurchaseView(OrderView):
    """A purchase: what it costs, what it buys, and the transaction that delivers it once it is broadcast."""

    total: str
    fee: str
    network_fee: str
    quote_currency: str
    base_amount: str
    base: str
    tx_id: str | None

    @classmethod
    def of(cls, saga: SagaRecord, kind: str = "pur") -> Self:
        agreed = Purchase.model_validate(saga.params)
        return cls(
            **OrderView.of(saga, kind).model_dump(),
            total=str(agreed.total),
            fee=str(agreed.fee),
            network_fee=str(agreed.network_fee),
            quote_currency=agreed.total.asset.code,
            base_amount=str(agreed.coins),
            base=agreed.coins.asset.code,
            tx_id=saga.results.get("deliver", {}).get("tx_id"),
        )


@router.post(
    "/purchases",
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
        DestinationNotFound,
        InvalidAddress,
        AccountFrozen,
        InsufficientFunds,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_purchase(
    body: PurchaseRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> PurchaseView:
    """Start buying crypto with fiat."""
    saga = await runtime.orders.trades.purchase(
        _asked(body, caller, key), body.quote_id, _funding(body.funding), _destination(body.destination)
    )
    return PurchaseView.of(saga)


@router.get("/purchases/{purchase_id}", responses=problems(Missing))
async def show_purchase(purchase_id: PurchaseId, caller: Reader, runtime: CurrentRuntime) -> PurchaseView:
    """A purchase, and where it stands."""
    return PurchaseView.of(await _own(runtime, caller, purchase_id, "purchase"))


@router.post(
    "/deposits",
    status_code=202,
    responses=problems(
        KycRequired,
        IdempotencyKeyReused,
        AccountNotFound,
        AccountClosed,
        CurrencyMismatch,
        InvalidAmount,
        Missing,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_deposit(
    body: DepositRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> OrderView:
    """Start pulling dollars into an account."""
    saga = await runtime.orders.bank.deposit(_asked(body, caller, key), body.account_id, body.bank_link_id, body.amount)
    return OrderView.of(saga, "dep")


@router.get("/deposits/{deposit_id}", responses=problems(Missing))
async def show_deposit(deposit_id: DepositId, caller: Reader, runtime: CurrentRuntime) -> OrderView:
    """A deposit, and where it stands."""
    return OrderView.of(await _own(runtime, caller, deposit_id, "deposit"), "dep")


def _asked(body: Body, caller: Principal, key: str) -> Asked:
    return Asked(caller.book, caller.user_id, key, body.model_dump(mode="json"))


def _funding(funding: BankFunding | AccountFunding) -> Funding:
    return Funding(funding.type, funding.bank_link_id if isinstance(funding, BankFunding) else funding.account_id)


def _destination(destination: AccountDestination | AddressDestination) -> Destination:
    if isinstance(destination, AccountDestination):
        return Destination(account_id=destination.account_id)
    return Destination(chain=destination.chain, address=destination.address)


async def _own(runtime: CurrentRuntime, caller: Principal, order: str, type_: str) -> SagaRecord:
    saga = await runtime.sagas.saga_of(saga_id_of(caller.book, order), caller.user_id)
    if saga is None or saga.type != type_:
        raise Missing(type_)
    return saga
