"""Crypto withdrawals: coins to an address on a chain, and what the way there costs."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.bodies import AccountId, AmountText, Body, CryptoWithdrawalId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.orders import OrderView, asked_by, order_facts, own_order
from app.api.problems import problems
from app.api.quotes import ChainName
from app.api.strict import StrictRoute
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    ChainNotServed,
    ChainUnsupported,
    CoolingPeriod,
    CurrencyMismatch,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAddress,
    InvalidAmount,
    KycRequired,
    LimitExceeded,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    ProviderUnavailable,
    UnknownCurrency,
)
from app.ids import public_id
from app.money import Money
from app.orchestrator.flows.crypto_withdrawal import CryptoWithdrawal
from app.orchestrator.journal import SagaRecord

router = APIRouter(prefix="/v1", tags=["crypto"], route_class=StrictRoute)

CryptoWithdrawalStatus = Annotated[
    Literal["pending", "delivering", "completed", "cancelling", "cancelled", "parked"],
    Field(
        description="`completed`: as deep in the chain as its amount asks for; `cancelled`: definitely not delivered, "
        "and given back; `parked`: a person will decide"
    ),
]
Address = Annotated[str, Field(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9]+$")]


class CryptoWithdrawalRequest(Body):
    """Send coins of an account here to an address. The network's fee is charged on top, in the same asset."""

    account_id: AccountId
    chain: ChainName
    address: Address
    amount: AmountText


class CryptoWithdrawalView(OrderView):
    """A crypto withdrawal: how much arrives, what is charged for the way, and its transaction once it is broadcast."""

    status: CryptoWithdrawalStatus
    account_id: str
    chain: str
    address: str
    amount: str
    network_fee: str
    currency: str
    tx_id: str | None

    @classmethod
    def of(cls, saga: SagaRecord) -> Self:
        agreed = CryptoWithdrawal.model_validate(saga.params)
        return cls(
            **order_facts(saga, "cwd"),
            account_id=public_id(agreed.account_id),
            chain=agreed.chain,
            address=agreed.address,
            amount=str(agreed.amount),
            network_fee=str(agreed.network_fee),
            currency=agreed.amount.asset.code,
            tx_id=saga.results.get("deliver", {}).get("tx_id"),
        )


class NetworkFeeView(BaseModel):
    """What a withdrawal of that amount would be charged for the network now, in its own currency."""

    chain: str
    currency: str
    amount: str
    fee: str
    total: str


@router.post(
    "/crypto-withdrawals",
    status_code=202,
    responses=problems(
        KycRequired,
        IdempotencyKeyReused,
        AccountNotFound,
        CurrencyMismatch,
        InvalidAmount,
        ChainUnsupported,
        ChainNotServed,
        InvalidAddress,
        ProviderUnavailable,
        AccountClosed,
        AccountFrozen,
        InsufficientFunds,
        CoolingPeriod,
        LimitExceeded,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def start_crypto_withdrawal(
    body: CryptoWithdrawalRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> CryptoWithdrawalView:
    """Start sending coins to an address."""
    asked = asked_by(caller, body, key)
    saga = await runtime.orders.chains.withdrawal(asked, body.account_id, body.chain, body.address, body.amount)
    return CryptoWithdrawalView.of(saga)


@router.get("/crypto-withdrawals/{withdrawal_id}", responses=problems(Missing))
async def show_crypto_withdrawal(
    withdrawal_id: CryptoWithdrawalId, caller: Reader, runtime: CurrentRuntime
) -> CryptoWithdrawalView:
    """A crypto withdrawal, and where it stands."""
    return CryptoWithdrawalView.of(await own_order(runtime, caller, withdrawal_id, "crypto_withdrawal"))


@router.get(
    "/crypto/fees",
    responses=problems(UnknownCurrency, InvalidAmount, ChainUnsupported, ChainNotServed, ProviderUnavailable),
)
async def show_network_fee(
    caller: Reader,
    runtime: CurrentRuntime,
    chain: Annotated[str, Query(max_length=20)],
    currency: Annotated[str, Query(max_length=12)],
    amount: Annotated[str, Query(max_length=80)],
) -> NetworkFeeView:
    """What a withdrawal would be charged for the network."""
    money = Money.parse(amount, runtime.offered.asset(caller.book, currency))
    fee = await runtime.network_fees.charged(chain, money)
    return NetworkFeeView(chain=chain, currency=currency, amount=str(money), fee=str(fee), total=str(money + fee))
