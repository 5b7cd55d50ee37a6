"""The transactions a customer took part in."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.api.bodies import TransactionId
from app.api.deps import CurrentRuntime, Reader
from app.api.problems import problems
from app.api.strict import QueryPrefix, StrictRoute
from app.api.transfers import TransactionView
from app.api.views import Cursor, Limit, Page, cursor_of, place_of
from app.errors import Malformed, Missing
from app.ids import book_of, stored_id
from app.ledger.accounts import CUSTOMER
from app.ledger.feed_store import Place

router = APIRouter(prefix="/v1/transactions", tags=["transactions"], route_class=StrictRoute)

MetadataEquals = Annotated[tuple[str, str] | None, Depends(QueryPrefix("metadata."))]
"""``metadata.NAME=VALUE``: a name, and its value as text."""


@router.get("", responses=problems(Malformed))
async def list_transactions(
    caller: Reader,
    runtime: CurrentRuntime,
    metadata: MetadataEquals,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TransactionView]:
    """What was posted on your accounts, newest first, with what each left there.

    With `metadata.NAME=VALUE` only what carries that: text as it is, numbers in digits, `true`, `false` or `null`.
    """
    accounts = await runtime.ledger.accounts_of(caller.book, caller.user_id, CUSTOMER)
    before = _place(cursor, caller.book) if cursor else None
    feed = runtime.ledger.feed
    if metadata is None:
        found = await feed.posted(accounts, before, limit + 1)
    else:
        found = await feed.tagged(accounts, *metadata, before, limit + 1)
    shown = found[:limit]
    left = await feed.balances_left(shown, accounts)
    items = [TransactionView.of(each, balances) for each, balances in zip(shown, left, strict=True)]
    next_cursor = cursor_of(shown[-1]["timestamp"], shown[-1]["_id"]) if len(found) > limit else None
    return Page(items=items, next_cursor=next_cursor)


@router.get("/{transaction_id}", responses=problems(Missing))
async def show_transaction(transaction_id: TransactionId, caller: Reader, runtime: CurrentRuntime) -> TransactionView:
    """A transaction that one of your accounts took part in, and what it left there."""
    transaction = await runtime.ledger.transaction(stored_id(caller.book, transaction_id))
    own = await runtime.ledger.accounts_of(caller.book, caller.user_id, CUSTOMER)
    if transaction is None or {account.id for account in own}.isdisjoint(
        leg["account_id"] for leg in transaction["legs"]
    ):
        raise Missing("transaction")
    [left] = await runtime.ledger.feed.balances_left([transaction], own)
    return TransactionView.of(transaction, left)


def _place(cursor: str, book: str) -> Place:
    place = place_of(cursor)
    if book_of(place.id) != book:
        raise Malformed("The cursor belongs to another list.")
    return place
