"""Transfers on us, and the transactions a customer took part in."""

from typing import Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.bodies import AccountId, AmountText, Body, CurrencyCode, Metadata, TransactionId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant, stored_money
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAmount,
    KycRequired,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    SameAccount,
    UnknownCurrency,
)
from app.ids import public_id, stored_id
from app.ledger.accounts import CUSTOMER, Account
from app.money import Money
from app.wallets.transfers import Transfer

router = APIRouter(prefix="/v1", tags=["transfers"], route_class=StrictRoute)


class TransferRequest(Body):
    """Money to move from an account of yours to any open account of a verified user."""

    source_account_id: AccountId
    destination_account_id: AccountId
    amount: AmountText
    currency: CurrencyCode
    metadata: Metadata = Field(default_factory=dict)


class TransactionView(BaseModel):
    """A transaction, with the balances of your own accounts in it."""

    id: str
    kind: str
    status: str
    source_account_id: str
    destination_account_id: str
    amount: str
    currency: str
    metadata: dict[str, str | int | bool | None]
    timestamp: Instant
    balances: dict[str, str]

    @classmethod
    def of(cls, transaction: dict[str, Any], own: list[Account]) -> Self:
        touched = {leg["account_id"] for leg in transaction["legs"]}
        return cls(
            id=public_id(transaction["_id"]),
            kind=transaction["kind"],
            status=transaction["status"],
            source_account_id=public_id(transaction["source_account_id"]),
            destination_account_id=public_id(transaction["dest_account_id"]),
            amount=str(stored_money(transaction, "amount")),
            currency=transaction["currency"],
            metadata=transaction["metadata"],
            timestamp=transaction["timestamp"],
            balances={public_id(account.id): str(account.balance_money) for account in own if account.id in touched},
        )


@router.post(
    "/transfers",
    status_code=201,
    responses=problems(
        KycRequired,
        UnknownCurrency,
        InvalidAmount,
        AccountNotFound,
        DestinationNotFound,
        IdempotencyKeyReused,
        CurrencyMismatch,
        SameAccount,
        AccountClosed,
        AccountFrozen,
        InsufficientFunds,
        Overloaded,
        OutcomeUnresolved,
    ),
)
async def make_transfer(
    body: TransferRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> TransactionView:
    """Move money between accounts here, at once."""
    asked = Transfer(
        book=caller.book,
        user_id=caller.user_id,
        key=key,
        source_account_id=body.source_account_id,
        destination_account_id=body.destination_account_id,
        amount=Money.parse(body.amount, runtime.offered.asset(caller.book, body.currency)),
        metadata=body.metadata,
    )
    posted = await runtime.transfers.transfer(asked)
    return TransactionView.of(posted, await runtime.ledger.accounts_of(caller.book, caller.user_id, CUSTOMER))


@router.get("/transactions/{transaction_id}", responses=problems(Missing))
async def show_transaction(transaction_id: TransactionId, caller: Reader, runtime: CurrentRuntime) -> TransactionView:
    """A transaction that one of your accounts took part in."""
    transaction = await runtime.ledger.transaction(stored_id(caller.book, transaction_id))
    own = await runtime.ledger.accounts_of(caller.book, caller.user_id, CUSTOMER)
    if transaction is None or {account.id for account in own}.isdisjoint(
        leg["account_id"] for leg in transaction["legs"]
    ):
        raise Missing("transaction")
    return TransactionView.of(transaction, own)
