"""The books, for auditors."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.deps import Auditor, CurrentRuntime
from app.api.strict import StrictRoute
from app.api.views import Instant
from app.ledger.store import Totals
from app.money import Money

router = APIRouter(prefix="/v1/admin/ledger", tags=["books"], route_class=StrictRoute)


class TotalsView(BaseModel):
    """One currency: the sum of all debit balances and of all credit balances."""

    currency: str
    accounts: int
    debits: str
    credits: str
    balanced: bool

    @classmethod
    def of(cls, totals: Totals) -> Self:
        return cls(
            currency=totals.asset.code,
            accounts=totals.accounts,
            debits=str(Money(totals.debits, totals.asset)),
            credits=str(Money(totals.credits, totals.asset)),
            balanced=totals.debits == totals.credits,
        )


class TrialBalance(BaseModel):
    """Every currency of the tenant's book."""

    at: Instant
    items: list[TotalsView]

    @classmethod
    def of(cls, at: datetime, totals: list[Totals]) -> Self:
        return cls(at=at, items=[TotalsView.of(each) for each in totals])


@router.get("/trial-balance")
async def show_trial_balance(caller: Auditor, runtime: CurrentRuntime) -> TrialBalance:
    """Debits and credits of every currency, read at one instant."""
    return TrialBalance.of(runtime.clock.now(), await runtime.ledger.totals(caller.book))
