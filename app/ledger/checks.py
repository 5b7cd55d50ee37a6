"""What the rules ask of a transaction and of the accounts it meets. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    AmountOutOfBounds,
    CurrencyMismatch,
    DestinationNotFound,
    SameAccount,
)
from app.ids import base_id, public_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.ledger.changes import ABSENT, ANYBODY, Document, Guard
from app.ledger.transactions import Leg, Transaction
from app.money import MINOR_BOUND
from app.plumbing.decimals import to_decimal128


def guard_holds(guard: Guard, current: Document | None) -> bool:
    """Whether a companion is as it was when it was read."""
    if guard == ABSENT:
        return current is None
    return current is not None and all(current.get(name) == value for name, value in guard.items())


def require_customers(transaction: Transaction, accounts: Mapping[str, Account], payer: str | None) -> None:
    """Source and destination are customers' accounts, and the source is the payer's; the two are told alike."""
    if payer is None:
        return
    source = accounts[transaction.first_debit.account_id]
    if source.role != CUSTOMER or payer not in {ANYBODY, source.user_id}:
        raise AccountNotFound
    if accounts[transaction.first_credit.account_id].role != CUSTOMER:
        raise DestinationNotFound


def customers_among(legs: Iterable[Leg], changed: Mapping[str, Account]) -> tuple[str, ...]:
    """The customers' accounts, of those that changed, that the legs are on."""
    accounts = (changed.get(leg.account_id) for leg in legs)
    return tuple(dict.fromkeys(account.id for account in accounts if account and account.role == CUSTOMER))


def require_currencies(transaction: Transaction, accounts: Mapping[str, Account]) -> None:
    """Every leg is in its account's currency."""
    for leg in transaction.legs:
        expected, given = accounts[leg.account_id].asset, leg.amount.asset
        if expected != given:
            raise CurrencyMismatch(expected=expected.code, given=given.code)


def require_two_accounts(transaction: Transaction) -> None:
    """Source and destination are not the same."""
    if transaction.first_debit.account_id == transaction.first_credit.account_id:
        raise SameAccount(public_id(transaction.first_debit.account_id))


def require_open(accounts: Iterable[Account]) -> None:
    """No account is closed, and then none frozen."""
    status_of = {account.id: account.status for account in accounts}
    for account_id, status in status_of.items():
        if status is AccountStatus.CLOSED:
            raise AccountClosed(public_id(account_id))
    for account_id, status in status_of.items():
        if status is AccountStatus.FROZEN:
            raise AccountFrozen(public_id(account_id))


def require_bounds(accounts: Iterable[Account]) -> None:
    """No balance is larger than can be kept exactly."""
    for account in accounts:
        if abs(account.balance) >= MINOR_BOUND or abs(account.held) >= MINOR_BOUND:
            raise AmountOutOfBounds(account.asset.code)


def first_difference(transaction: Transaction, document: Document | None) -> str | None:
    """The first field in which a request differs from the one that owns its id, for the refusal to name."""
    if document is None:
        return "transactions"
    debit, credit = transaction.first_debit, transaction.first_credit
    asked: dict[str, Any] = {
        "kind": transaction.kind,
        "status": transaction.status,
        "currency": debit.amount.asset.code,
        "source_account_id": base_id(debit.account_id),
        "dest_account_id": base_id(credit.account_id),
        "amount": to_decimal128(debit.amount.minor),
        "metadata": dict(transaction.metadata),
        "hold_ids": list(transaction.hold_ids),
        "closes_holds": transaction.closes_holds,
        "reverses": transaction.reverses,
        "saga_id": transaction.saga_id,
        "expires_at": transaction.expires_at,
    }
    stored = {name: base_id(value) if name.endswith("_account_id") else value for name, value in document.items()}
    return next((name for name, value in asked.items() if stored.get(name) != value), "legs")
