"""Transfers on us, and the transactions a customer took part in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.api.bodies import AccountId, AmountText, Body, CurrencyCode, Metadata
from app.api.deps import CurrentRuntime, KeyUnlessDryRun, VerifiedTransactor
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
    LimitExceeded,
    OutcomeUnresolved,
    Overloaded,
    SameAccount,
    StaleVersion,
    UnknownCurrency,
)
from app.ids import public_id
from app.money import Money
from app.wallets.fees import fee_in
from app.wallets.transfers import Made, Transfer

router = APIRouter(prefix="/v1", tags=["transfers"], route_class=StrictRoute)


class TransferRequest(Body):
    """Money to move from an account of yours to any open account of a verified user.

    With ``lock_version`` only while the source is still at that version.
    """

    source_account_id: AccountId
    destination_account_id: AccountId
    amount: AmountText
    currency: CurrencyCode
    metadata: Metadata = Field(default_factory=dict)
    lock_version: Annotated[int, Field(ge=1, lt=2**53)] | None = None


class TransactionView(BaseModel):
    """A transaction, and what it left in your own accounts. ``fee`` is what the source paid on top."""

    id: str
    kind: str
    status: str
    source_account_id: str
    destination_account_id: str
    amount: str
    currency: str
    fee: str
    metadata: dict[str, str | int | bool | None]
    timestamp: Instant
    balances: dict[str, str]

    @classmethod
    def of(cls, transaction: dict[str, Any], balances: Mapping[str, Money]) -> Self:
        return cls(
            id=public_id(transaction["_id"]),
            kind=transaction["kind"],
            status=transaction["status"],
            source_account_id=public_id(transaction["source_account_id"]),
            destination_account_id=public_id(transaction["dest_account_id"]),
            amount=str(stored_money(transaction, "amount")),
            currency=transaction["currency"],
            fee=str(fee_in(transaction)),
            metadata=transaction["metadata"],
            timestamp=transaction["timestamp"],
            balances=_shown(balances),
        )


class PreviewView(BaseModel):
    """What a transfer would do: the fee it would take and what it would leave in your own accounts."""

    dry_run: Literal[True] = True
    source_account_id: str
    destination_account_id: str
    amount: str
    currency: str
    fee: str
    balances: dict[str, str]

    @classmethod
    def of(cls, made: Made) -> Self:
        seen = TransactionView.of(made.transaction, made.balances).model_dump()
        return cls.model_validate({name: seen[name] for name in cls.model_fields if name in seen})


@router.post(
    "/transfers",
    status_code=201,
    responses={
        200: {"description": "What it would do, with ``dry_run=true``", "model": PreviewView},
        **problems(
            KycRequired,
            UnknownCurrency,
            InvalidAmount,
            AccountNotFound,
            DestinationNotFound,
            IdempotencyKeyReused,
            StaleVersion,
            CurrencyMismatch,
            SameAccount,
            AccountClosed,
            AccountFrozen,
            InsufficientFunds,
            LimitExceeded,
            Overloaded,
            OutcomeUnresolved,
        ),
    },
)
async def make_transfer(
    body: TransferRequest,
    caller: VerifiedTransactor,
    key: KeyUnlessDryRun,
    runtime: CurrentRuntime,
    response: Response,
) -> TransactionView | PreviewView:
    """Move money between accounts here, at once; with ``dry_run=true`` say what that would do."""
    asked = Transfer(
        book=caller.book,
        user_id=caller.user_id,
        key=key,
        source_account_id=body.source_account_id,
        destination_account_id=body.destination_account_id,
        amount=Money.parse(body.amount, runtime.offered.asset(caller.book, body.currency)),
        metadata=body.metadata,
        lock_version=body.lock_version,
    )
    if key is None:
        response.status_code = 200
        return PreviewView.of(await runtime.transfers.preview(asked))
    runtime.step_up.require(caller.authentication, [asked.amount])
    made = await runtime.transfers.transfer(asked)
    return TransactionView.of(made.transaction, made.balances)


def _shown(balances: Mapping[str, Money]) -> dict[str, str]:
    return {public_id(account_id): str(balance) for account_id, balance in balances.items()}
