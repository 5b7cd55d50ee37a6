"""A customer's accounts: open, list, balances, entries."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from app.api.bodies import AccountId, Body, CurrencyCode
from app.api.deps import CurrentRuntime, OptionalIdempotencyKey, Reader
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, cursor_at, position_of
from app.errors import AccountNotFound, Malformed, Overloaded
from app.ids import public_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.money import Asset, Money, asset
from app.plumbing.decimals import from_decimal128
from app.wallets.opening import open_account, own_account

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=StrictRoute)

_IN_FLIGHT_S = 30
"""A commit takes its time from its batch; after this long none of that instant can still be on its way."""


class AccountRequest(Body):
    """An account to open."""

    currency: CurrencyCode
    name: Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class AccountView(BaseModel):
    """An account with what is in it."""

    id: str
    currency: str
    name: str
    status: AccountStatus
    balance: str
    held: str
    available: str

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(
            id=public_id(account.id),
            currency=account.asset.code,
            name=account.name,
            status=account.status,
            balance=str(account.balance_money),
            held=str(Money(account.held, account.asset)),
            available=str(Money(account.available, account.asset)),
        )


class BalanceView(BaseModel):
    """What was in an account at an instant; unsettled while commits of that instant may be on their way."""

    account_id: str
    currency: str
    balance: str
    at: Instant
    settled: bool


class EntryView(BaseModel):
    """One side of a transaction on the account, and what it left there."""

    transaction_id: str
    direction: str
    amount: str
    currency: str
    balance_after: str
    timestamp: Instant

    @classmethod
    def of(cls, entry: dict[str, Any], currency: Asset) -> Self:
        return cls(
            transaction_id=public_id(entry["transaction_id"]),
            direction=entry["direction"],
            amount=str(Money(from_decimal128(entry["amount_snapshot"]), currency)),
            currency=currency.code,
            balance_after=str(Money(from_decimal128(entry["balance_after"]), currency)),
            timestamp=entry["timestamp"],
        )


@router.post("", status_code=201, responses=problems(Overloaded))
async def open_new_account(
    body: AccountRequest, caller: Reader, key: OptionalIdempotencyKey, runtime: CurrentRuntime
) -> AccountView:
    """Open an account in a currency."""
    account = await open_account(runtime.door, caller.book, caller.user_id, asset(body.currency), body.name, key=key)
    return AccountView.of(account)


@router.get("")
async def list_accounts(caller: Reader, runtime: CurrentRuntime) -> Page[AccountView]:
    """All your accounts."""
    accounts = await runtime.ledger.accounts_of(caller.book, caller.user_id, CUSTOMER)
    return Page(items=[AccountView.of(account) for account in accounts])


@router.get("/{account_id}", responses=problems(AccountNotFound))
async def show_account(account_id: AccountId, caller: Reader, runtime: CurrentRuntime) -> AccountView:
    """One account."""
    return AccountView.of(await own_account(runtime.ledger, caller.book, caller.user_id, account_id))


@router.get("/{account_id}/balance", responses=problems(AccountNotFound))
async def show_balance(
    account_id: AccountId,
    caller: Reader,
    runtime: CurrentRuntime,
    at: Annotated[AwareDatetime | None, Query()] = None,
) -> BalanceView:
    """What is in an account now, or was at any past instant."""
    account = await own_account(runtime.ledger, caller.book, caller.user_id, account_id)
    now = runtime.clock.now()
    instant = at.astimezone(UTC) if at is not None else now
    minor = account.balance if at is None else await runtime.ledger.balance_at(account.id, instant)
    return BalanceView(
        account_id=account_id,
        currency=account.asset.code,
        balance=str(Money(minor, account.asset)),
        at=instant,
        settled=_is_settled(instant, now),
    )


@router.get("/{account_id}/entries", responses=problems(Malformed, AccountNotFound))
async def list_entries(
    account_id: AccountId, caller: Reader, runtime: CurrentRuntime, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryView]:
    """What happened on an account, newest first."""
    account = await own_account(runtime.ledger, caller.book, caller.user_id, account_id)
    before = position_of(cursor) if cursor else None
    if before is not None and not before.startswith(f"{account.id}#"):
        raise Malformed("The cursor belongs to another list.")
    entries = await runtime.ledger.entries(account.id, before, limit + 1)
    shown = entries[:limit]
    more = cursor_at(shown[-1]["_id"]) if len(entries) > limit else None
    return Page(items=[EntryView.of(entry, account.asset) for entry in shown], next_cursor=more)


def _is_settled(instant: datetime, now: datetime) -> bool:
    return (now - instant).total_seconds() > _IN_FLIGHT_S
