"""A customer's accounts: open, list, balances, entries."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.bodies import AccountId, Body, CurrencyCode
from app.api.deps import CurrentRuntime, OptionalIdempotencyKey, Reader
from app.api.problems import problems
from app.api.strict import OBEYED, StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, PastInstant, cursor_at, is_settled, position_of
from app.errors import (
    AccountNotFound,
    Malformed,
    Overloaded,
    TooManyAccounts,
    Unacceptable,
    UnknownCurrency,
    UserFrozen,
)
from app.ids import public_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.money import Asset, Money
from app.plumbing.decimals import from_decimal128
from app.wallets.opening import open_another, own_account

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=StrictRoute)

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any of our books."""


class AccountRequest(Body):
    """An account to open."""

    currency: CurrencyCode
    name: Annotated[str, Field(max_length=80, pattern=f"^[^{OBEYED}]*$")] = ""


class AccountView(BaseModel):
    """An account with what is in it; ``version`` counts its changes, for transfers that are conditional on it."""

    id: str
    currency: str
    name: str
    status: AccountStatus
    balance: str
    held: str
    available: str
    version: int

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
            version=account.version,
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


class StatementView(Page[EntryView]):
    """A period of an account, ``from`` its first instant until just before ``to``."""

    account_id: str
    currency: str
    begins: Annotated[Instant, Field(serialization_alias="from")]
    ends: Annotated[Instant, Field(serialization_alias="to")]
    opening_balance: str
    closing_balance: str
    settled: bool


@router.post("", status_code=201, responses=problems(UnknownCurrency, TooManyAccounts, UserFrozen, Overloaded))
async def open_new_account(
    body: AccountRequest, caller: Reader, key: OptionalIdempotencyKey, runtime: CurrentRuntime
) -> AccountView:
    """Open an account in a currency."""
    currency = runtime.offered.asset(caller.book, body.currency)
    account = await open_another(
        runtime.door, runtime.ledger, caller.book, caller.user_id, currency, body.name, key=key
    )
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
    at: Annotated[PastInstant | None, Query()] = None,
) -> BalanceView:
    """What is in an account now, or was at any past instant."""
    account = await own_account(runtime.ledger, caller.book, caller.user_id, account_id)
    now = runtime.clock.now()
    instant = at or now
    minor = account.balance if at is None else await runtime.ledger.history.balance_at(account, at)
    return BalanceView(
        account_id=account_id,
        currency=account.asset.code,
        balance=str(Money(minor, account.asset)),
        at=instant,
        settled=is_settled(instant, now),
    )


@router.get("/{account_id}/entries", responses=problems(Malformed, AccountNotFound))
async def list_entries(
    account_id: AccountId, caller: Reader, runtime: CurrentRuntime, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryView]:
    """What happened on an account, newest first."""
    account = await own_account(runtime.ledger, caller.book, caller.user_id, account_id)
    before = _entry_before(cursor, account)
    entries = await runtime.ledger.entries(account.id, before, limit + 1)
    return _page(entries, account.asset, limit)


@router.get("/{account_id}/statement", responses=problems(Malformed, AccountNotFound, Unacceptable))
async def show_statement(
    account_id: AccountId,
    caller: Reader,
    runtime: CurrentRuntime,
    since: Annotated[PastInstant | None, Query(alias="from")] = None,
    until: Annotated[PastInstant | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> StatementView:
    """What an account began a period with, what happened in it, newest first, and what it ended with."""
    account = await own_account(runtime.ledger, caller.book, caller.user_id, account_id)
    now = runtime.clock.now()
    begins, ends = since or _BEGINNING, until or now
    if begins > ends:
        raise Unacceptable("A statement begins before it ends: from lies behind to.")
    before = _entry_before(cursor, account)
    statement = await runtime.ledger.history.statement(account, begins, ends, before, limit + 1)
    page = _page(statement.entries, account.asset, limit)
    return StatementView(
        account_id=account_id,
        currency=account.asset.code,
        begins=begins,
        ends=ends,
        opening_balance=str(Money(statement.opening, account.asset)),
        closing_balance=str(Money(statement.closing, account.asset)),
        settled=is_settled(ends, now),
        items=page.items,
        next_cursor=page.next_cursor,
    )


def _entry_before(cursor: str | None, account: Account) -> str | None:
    """The stored id of the entry that a page begins below. Raises Malformed."""
    before = position_of(cursor) if cursor else None
    if before is not None and not before.startswith(f"{account.id}#"):
        raise Malformed("The cursor belongs to another list.")
    return before


def _page(entries: list[dict[str, Any]], currency: Asset, limit: int) -> Page[EntryView]:
    """The page of at most ``limit`` entries; one more was asked for, to see whether there is another page."""
    shown = entries[:limit]
    more = cursor_at(shown[-1]["_id"]) if len(entries) > limit else None
    return Page(items=[EntryView.of(entry, currency) for entry in shown], next_cursor=more)
