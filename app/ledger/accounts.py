"""Accounts, and the chart of those that the product itself owns.

One sign everywhere: a balance is credits minus debits. What we owe a customer is positive, what we own (the bank,
the coins in custody) is negative, and every currency of a book sums to zero.
"""

from datetime import datetime
from enum import StrEnum

from app.ids import derived_id, stored_id
from app.money import Asset, Money
from app.values import dataclass


class AccountStatus(StrEnum):
    """``frozen``: facts only. ``closed``: nothing; facts are diverted."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


CUSTOMER = "customer"
RECEIVABLE = "receivable"
SUSPENSE = "suspense"
FEES = "fee"


@dataclass(frozen=True, slots=True)
class Account:
    """A snapshot for quick reads; the transactions are the truth it is derived from.

    Amounts are in minor units of ``asset``. ``min_available`` is the floor that ``balance - held`` must keep in
    every request, or None where there is no floor. ``seq`` counts its entries, ``version`` its writes.
    """

    id: str
    asset: Asset
    role: str
    user_id: str | None = None
    name: str = ""
    min_available: int | None = None
    status: AccountStatus = AccountStatus.OPEN
    balance: int = 0
    held: int = 0
    seq: int = 0
    version: int = 0
    last_transaction_id: str | None = None
    updated_at: datetime | None = None

    @property
    def available(self) -> int:
        """What a request may take or hold, in minor units, before the floor."""
        return self.balance - self.held

    @property
    def is_striped(self) -> bool:
        """Whether it is kept once per stream: one of the product's own, without a floor."""
        return self.user_id is None and self.min_available is None and self.role not in {RECEIVABLE, SUSPENSE}

    @property
    def balance_money(self) -> Money:
        """The balance as Money."""
        return Money(self.balance, self.asset)


def customer_account(account_id: str, asset: Asset, user_id: str, name: str = "") -> Account:
    """A customer's account: never below zero in a request."""
    return Account(account_id, asset, CUSTOMER, user_id=user_id, name=name, min_available=0)


def main_account(book: str, user_id: str, asset: Asset) -> Account:
    """The account of that currency that a bank-funded flow passes through, opened if absent."""
    account_id = stored_id(book, derived_id("acc", book, user_id, "main", asset.code))
    return customer_account(account_id, asset, user_id, name=asset.code)


def system_account(book: str, role: str, asset: Asset, *, min_available: int | None = None) -> Account:
    """The product's own account of that role, opened by its first posting."""
    return Account(stored_id(book, f"acc_{role}-{asset.code}"), asset, role, min_available=min_available)


def receivable(book: str, user_id: str | None, asset: Asset) -> Account:
    """What a customer owes us after a fact took more than was there."""
    owner = user_id or "nobody"
    account_id = stored_id(book, derived_id("acc", book, owner, RECEIVABLE, asset.code))
    return Account(account_id, asset, RECEIVABLE, user_id=user_id)


def suspense(book: str, asset: Asset) -> Account:
    """Where a fact lands that its account can no longer take."""
    return system_account(book, SUSPENSE, asset)
