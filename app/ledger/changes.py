"""A change: what one caller wants to become true, all or nothing, through the one door.

It may post transactions, and write companions: the documents that must move in the same commit (a saga, an effect,
a quote). A companion always writes what it read: reading alone would be write skew.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

from app.errors import Unbalanced
from app.ids import book_of
from app.ledger.accounts import Account
from app.ledger.limits import Spending
from app.ledger.standing import StandingChange
from app.ledger.transactions import Transaction
from app.values import dataclass, replace

Document = dict[str, Any]
Guard = Mapping[str, str | int]

_FACT_LEGS_MAX = 64
"""Half of what a transaction may have: each leg of a fact may land as two."""

ANYBODY = "*"
"""A payer that is any customer."""

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

    def followed_by(self, later: "Companion") -> "Companion":
        """Both as one: what the later one leaves, under the guard of the first."""
        return replace(self, document={**self.document, **later.document})


@dataclass(frozen=True, slots=True)
class Change:
    """Postings and companions that become true together or not at all.

    A *request* meets every limit inside the commit. A *fact* has already happened outside, so it is never refused
    for money: what an account cannot take lands in its owner's receivable or in suspense, and a case opens.

    ``requests``: how many of a fact's last transactions are requests all the same; where one is refused, so is all.
    ``versions``: the versions that accounts it writes must still have. ``payer``: the user whose customer account every
    transaction's source must be, ANYBODY for any customer's, None where sources and destinations may be of any role.
    """

    book: str
    transactions: tuple[Transaction, ...] = ()
    companions: tuple[Companion, ...] = ()
    openings: tuple[Account, ...] = ()
    fact: bool = False
    requests: int = 0
    standings: tuple[StandingChange, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    spendings: tuple[Spending, ...] = ()
    payer: str | None = None

    def __post_init__(self) -> None:
        named = (self.transactions, self.openings)
        ids = [each.id for kind in named for each in kind] + [each.account_id for each in self.standings]
        if any(book_of(each) != self.book for each in ids):
            raise ValueError("a change stays in its book")
        if self.versions and not self.versions.keys() <= self._written():
            raise ValueError(
                "a version is asked only of an account that the change writes: reading alone is write skew"
            )
        if self.fact and self.spendings:
            raise ValueError("a fact meets no limit")
        if self.fact and any(len(transaction.legs) > _FACT_LEGS_MAX for transaction in self.transactions):
            raise Unbalanced(f"a fact has 2 to {_FACT_LEGS_MAX} legs")

    @property
    def facts(self) -> int:
        """How many of its first transactions are facts."""
        return len(self.transactions) - self.requests if self.fact else 0

    def _written(self) -> set[str]:
        standing = {each.account_id for each in self.standings}
        return standing.union(leg.account_id for transaction in self.transactions for leg in transaction.moving_legs)


@dataclass(frozen=True, slots=True)
class Posted:
    """It is true now, durably. ``accounts`` are those it touched, as it left them."""

    transactions: tuple[Document, ...]
    accounts: Mapping[str, Account]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It has been true since an earlier commit; these are the transactions of that one."""

    transactions: tuple[Document, ...]


class Door(Protocol):
    """The one door, as whoever goes through it knows it; see ``committer.py``."""

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate: ...
