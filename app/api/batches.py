"""Many transfers in one request, for operators."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.api.bodies import AccountId, Body, CurrencyCode, ItemAmountText, Metadata
from app.api.deps import CurrentRuntime, IdempotencyKey, Operator
from app.api.problems import problems
from app.api.proposals import PROPOSED, ProposalView, proposed
from app.api.strict import OBEYED, StrictRoute
from app.compliance.proposals import Proposal
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    CurrencyMismatch,
    DestinationNotFound,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAmount,
    Kind,
    OutcomeUnresolved,
    Overloaded,
    SameAccount,
    SecondOperatorNeeded,
    UnknownCurrency,
    WalletError,
)
from app.ids import public_id
from app.ledger.acts import Answerable
from app.money import Asset, Money
from app.wallets.batches import BatchItem, ItemVerdict, totals

router = APIRouter(prefix="/v1/admin/transfers", tags=["transfers"], route_class=StrictRoute)

_ITEMS_MAX = 1_000


class ItemRequest(Body):
    """Money to move between two customers' accounts."""

    source_account_id: AccountId
    destination_account_id: AccountId
    amount: ItemAmountText
    currency: CurrencyCode
    metadata: Metadata = Field(default_factory=dict)

    def read(self, asset_of: Callable[[str], Asset]) -> BatchItem | WalletError:
        """The transfer, or why its amount cannot be one."""
        try:
            amount = Money.parse(self.amount, asset_of(self.currency))
            if not amount:
                return InvalidAmount(self.currency, "it must be more than nothing")
        except WalletError as refusal:
            return refusal
        return BatchItem(self.source_account_id, self.destination_account_id, amount, self.metadata)


class BatchRequest(Body):
    """Transfers to make each on its own, or, ``atomic``, all or none; ``reason`` is kept with who asked."""

    items: Annotated[list[ItemRequest], Field(min_length=1, max_length=_ITEMS_MAX)]
    atomic: bool = False
    reason: Annotated[str, Field(max_length=500, pattern=f"^[^{OBEYED}]*$")] = ""


class ItemView(BaseModel):
    """What became of an item: the id of its transaction, or the code and sentence of its refusal."""

    status: Literal["posted", "refused"]
    id: str | None = None
    code: str | None = None
    detail: str | None = None

    @classmethod
    def of(cls, verdict: ItemVerdict) -> Self:
        if verdict.refusal is None:
            return cls(status="posted", id=public_id(verdict.transaction_id))
        return cls(status="refused", code=verdict.refusal.code, detail=verdict.refusal.sentence)


class BatchView(BaseModel):
    """A verdict on each item, in their order."""

    posted: int
    refused: int
    items: list[ItemView]

    @classmethod
    def of(cls, verdicts: list[ItemVerdict]) -> Self:
        refused = sum(verdict.refusal is not None for verdict in verdicts)
        items = [ItemView.of(verdict) for verdict in verdicts]
        return cls(posted=len(verdicts) - refused, refused=refused, items=items)


@router.post(
    "/batch",
    response_model_exclude_none=True,
    responses={
        **PROPOSED,
        **problems(
            UnknownCurrency,
            InvalidAmount,
            IdempotencyKeyReused,
            SecondOperatorNeeded,
            AccountNotFound,
            DestinationNotFound,
            CurrencyMismatch,
            SameAccount,
            AccountClosed,
            AccountFrozen,
            InsufficientFunds,
            Overloaded,
            OutcomeUnresolved,
        ),
    },
)
async def post_batch(
    body: BatchRequest, caller: Operator, key: IdempotencyKey, runtime: CurrentRuntime, response: Response
) -> BatchView | ProposalView:
    """Make many transfers: each on its own, or all or none. An atomic batch is refused as a transfer would be.

    Where an item was only put off, the answer has a ``Retry-After``: the same batch again asks for what is missing.
    Above the limit on all of it together, two operators must send it.
    """
    items = [item.read(lambda code: runtime.offered.asset(caller.book, code)) for item in body.items]
    runtime.step_up.require(caller.authentication, totals(items))
    answerable = Answerable(caller.user_id, body.reason, key)
    verdicts = await runtime.batches.post(caller.book, answerable, items, atomic=body.atomic)
    if isinstance(verdicts, Proposal):
        return proposed(verdicts, response)
    if any(verdict.refusal is not None and verdict.refusal.kind is Kind.BUSY for verdict in verdicts):
        response.headers["Retry-After"] = "1"
    return BatchView.of(verdicts)
