"""The caller's money on one page: at the bank, on the chains, in the books, and what moved last."""

from collections.abc import Callable, Sequence
from typing import Generic, Literal, Self, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.accounts import AccountView
from app.api.deps import CurrentRuntime, Reader
from app.api.strict import StrictRoute
from app.api.transfers import TransactionView
from app.ids import public_id
from app.providers.bank_ports import DepositAccount
from app.wallets.dashboard import CoinBalance, Dashboard, Overview

router = APIRouter(prefix="/v1/dashboard", tags=["dashboard"], route_class=StrictRoute)

Found = TypeVar("Found")
Item = TypeVar("Item", bound=BaseModel)


class Unavailable(BaseModel):
    """The source did not answer in time; the others have."""

    status: Literal["unavailable"] = "unavailable"


class Served(BaseModel, Generic[Item]):
    """What the source said."""

    status: Literal["ok"] = "ok"
    items: list[Item]


class BankAccountView(BaseModel):
    """The caller's account at the partner bank, by the end of its number."""

    mask: str
    status: str
    currency: str
    available: str

    @classmethod
    def of(cls, account: DepositAccount) -> Self:
        available = account.available
        return cls(mask=account.mask, status=account.status, currency=available.asset.code, available=str(available))


class CoinBalanceView(BaseModel):
    """What the chain says is at one of the caller's addresses."""

    account_id: str
    chain: str
    address: str
    currency: str
    balance: str

    @classmethod
    def of(cls, held: CoinBalance) -> Self:
        return cls(
            account_id=public_id(held.address.account_id),
            chain=held.address.chain,
            address=held.address.address,
            currency=held.balance.asset.code,
            balance=str(held.balance),
        )


class DashboardView(BaseModel):
    """Each source by itself."""

    fiat: Served[BankAccountView] | Unavailable
    crypto: Served[CoinBalanceView] | Unavailable
    ledger: Served[AccountView] | Unavailable
    history: Served[TransactionView] | Unavailable

    @classmethod
    def of(cls, seen: Overview) -> Self:
        return cls(
            fiat=_section(seen.fiat, BankAccountView.of),
            crypto=_section(seen.crypto, CoinBalanceView.of),
            ledger=_section(seen.ledger, AccountView.of),
            history=_section(seen.history, lambda moved: TransactionView.of(moved.transaction, moved.left)),
        )


def _section(found: Sequence[Found] | None, view: Callable[[Found], Item]) -> Served[Item] | Unavailable:
    return Unavailable() if found is None else Served(items=[view(each) for each in found])


@router.get("")
async def show_dashboard(caller: Reader, runtime: CurrentRuntime) -> DashboardView:
    """Everything you have. A source that does not answer in time says `unavailable`, and the rest is shown."""
    dashboard = Dashboard(
        runtime.ledger,
        runtime.providers.accounts,
        runtime.addresses,
        runtime.providers.receiving,
        budget_s=runtime.settings.dashboard_budget_s,
    )
    return DashboardView.of(await dashboard.overview(caller.book, await runtime.users.caller(caller)))
