"""A change: what one caller wants to become true, all or nothing, through the one door.

It may post transactions, and write companions: the documents that must move in the same commit (a saga, an effect,
a quote). A companion always writes what it read: reading alone would be write skew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import Unbalanced
from app.ids import book_of
from app.ledger.accounts import Account
from app.ledger.transactions import Transaction

Document = dict[str, Any]
Guard = Mapping[str, str | int]

_FACT_LEGS_MAX = 64
"""Half of what a transaction may have: each leg of a fact may land as two."""

ABSENT: Guard = {}
"""The guard of a document that must not be there yet."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A document written in the change's commit, if it still is as it was read.

    ``guard``: the fields that must still have these values (``{"version": 3}``), or ABSENT. ``document``: the fields
    it has afterwards; fields it does not name stay as they are.
    """

    collection: str
    id: str
    guard: Guard
    document: Document


@dataclass(frozen=True, slots=True)
class Change:
    """Postings and companions that become true together or not at all.

    A *request* meets every limit inside the commit. A *fact* has already happened outside, so it is never refused
    for money: what an account cannot take lands in its owner's receivable or in suspense, and a case opens.
    """

    book: str
    transactions: tuple[Transaction, ...] = ()
    companions: tuple[Companion, ...] = ()
    openings: tuple[Account, ...] = ()
    fact: bool = False

    def __post_init__(self) -> None:
        ids = (*(transaction.id for transaction in self.transactions), *(account.id for account in self.openings))
        if any(book_of(each) != self.book for each in ids):
            raise ValueError("a change stays in its book")
        if self.fact and any(len(transaction.legs) > _FACT_LEGS_MAX for transaction in self.transactions):
            raise Unbalanced(f"a fact has 2 to {_FACT_LEGS_MAX} legs")


@dataclass(frozen=True, slots=True)
class Posted:
    """It is true now, durably. ``accounts`` are those it touched, as it left them."""

    transactions: tuple[Document, ...]
    accounts: Mapping[str, Account]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It has been true since an earlier commit; these are the transactions of that one."""

    transactions: tuple[Document, ...]
