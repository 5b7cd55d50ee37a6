"""The books, for auditors."""

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.deps import Auditor, CurrentRuntime
from app.api.strict import StrictRoute
from app.api.views import Instant, PastInstant, is_settled
from app.ledger.history_store import Totals
from app.money import Money

router = APIRouter(prefix="/v1/admin/ledger", tags=["books"], route_class=StrictRoute)


class TotalsView(BaseModel):
    """One currency: the accounts posted to, the sum of all debit balances and of all credit balances."""

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
    """Every currency of the tenant's book; unsettled while commits of that instant may be on their way."""

    at: Instant
    settled: bool
    items: list[TotalsView]


@router.get("/trial-balance")
async def show_trial_balance(
    caller: Auditor, runtime: CurrentRuntime, at: Annotated[PastInstant | None, Query()] = None
) -> TrialBalance:
    """Debits and credits of every currency, now or at any past instant."""
    now = runtime.clock.now()
    totals = await runtime.ledger.history.totals(caller.book, at)
    instant = at or now
    return TrialBalance(at=instant, settled=is_settled(instant, now), items=[TotalsView.of(each) for each in totals])
