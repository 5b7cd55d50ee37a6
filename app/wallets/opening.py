"""Opening accounts, and finding those of a customer."""

from app.errors import AccountNotFound, TooManyAccounts
from app.ids import derived_id, new_id, stored_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus, customer_account, main_account
from app.ledger.changes import Change
from app.ledger.checks import require_open
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.money import Asset

ACCOUNTS_MAX = 100
"""A freeze takes all of a customer's accounts in one commit, so nobody may have more than a commit bears."""


async def open_another(
    door: Committer, store: LedgerStore, book: str, user_id: str, asset: Asset, name: str, *, key: str | None
) -> Account:
    """Open an account for a customer who has fewer than ACCOUNTS_MAX, or but for those being opened at this moment.

    Raises TooManyAccounts, UserFrozen; with a key, the same key finds the same account all the same.
    """
    owned = await store.accounts_of(book, user_id, CUSTOMER)
    wanted = stored_id(book, derived_id("acc", book, user_id, "opened", key)) if key else None
    if len(owned) >= ACCOUNTS_MAX and not any(each.id == wanted for each in owned):
        raise TooManyAccounts(ACCOUNTS_MAX)
    return await open_account(door, book, user_id, asset, name, key=key)


async def open_account(
    door: Committer, book: str, user_id: str, asset: Asset, name: str = "", *, key: str | None = None
) -> Account:
    """Open an account for the customer; with a key, the same key finds the same account."""
    public = derived_id("acc", book, user_id, "opened", key) if key else new_id("acc")
    account = customer_account(stored_id(book, public), asset, user_id, name)
    await door.submit(Change(book, openings=(account,)))
    return account


async def own_account(store: LedgerStore, book: str, user_id: str, public_account_id: str) -> Account:
    """The customer's account of that id.

    Raises AccountNotFound when it is not there or not theirs: the two are told alike.
    """
    account = await store.account(stored_id(book, public_account_id))
    if account is None or account.role != CUSTOMER or account.user_id != user_id:
        raise AccountNotFound
    return account


async def passing_account(store: LedgerStore, book: str, user_id: str, asset: Asset) -> str:
    """The stored id of the account that money of that currency passes through on its way elsewhere.

    The first open one by id, so that it is always the same; if there is none, the one that a first such order opens.
    Raises AccountClosed, AccountFrozen where that one is there and not open.
    """
    owned = await store.accounts_of(book, user_id, CUSTOMER)
    for account in owned:
        if account.asset == asset and account.status is AccountStatus.OPEN:
            return account.id
    main = main_account(book, user_id, asset)
    require_open(each for each in owned if each.id == main.id)
    return main.id
