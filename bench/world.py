"""Whose money moves: numbered customers, a merchant, the bank, and transfers drawn between them.

Customers may be overdrawn further than any run goes. Their floor is still checked in every transfer, but no refusal
mixes into the figures, and accounts that begin at zero agree with a ledger that begins empty.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from random import Random

from app.ledger.accounts import CUSTOMER, Account, system_account
from app.ledger.changes import Change
from app.ledger.documents import account_document
from app.ledger.store import COLLECTIONS
from app.ledger.transactions import Transaction, credit, debit
from app.money import USD, Money
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database

BOOK = "default"
FOUNDED_AT = datetime(2020, 1, 1, tzinfo=UTC)
_OVERDRAFT = -(10**15)
_INSERTED_AT_ONCE = 5_000


def customer_id(number: int) -> str:
    """The stored id of the customer's account of that number; ids sort as numbers do."""
    return f"{BOOK}/acc_{number:026d}"


def customer(number: int, user_id: str = "") -> Account:
    """The customer's account of that number."""
    owner = user_id or f"usr_{number:026d}"
    return Account(customer_id(number), USD, CUSTOMER, user_id=owner, min_available=_OVERDRAFT)


MERCHANT = Account(f"{BOOK}/acc_merchant", USD, CUSTOMER, user_id="usr_merchant", min_available=_OVERDRAFT)
"""A customer's account that everybody may pay and be paid by."""

BANK = system_account(BOOK, "bank", USD)
"""One of the product's own accounts, without a floor."""

_OPENED = {BANK.id: BANK}


@dataclass(frozen=True, slots=True)
class Draw:
    """Which accounts transfers are between: customers ``first``, ``first + stride``...; ``shared`` is one side of each.

    ``shared`` is a stored id, or nothing.
    """

    customers: int
    first: int = 0
    stride: int = 1
    shared: str = ""

    def number(self, random: Random) -> int:
        """The number of one of the customers."""
        return self.first + self.stride * int(random.random() * self.customers)


class Transfers:
    """Transfers drawn at random, as cheaply as can be: their callers share a process with what is measured."""

    def __init__(self, draw: Draw, seed: str) -> None:
        self._draw = draw
        self._random = Random(seed)

    def next_id(self) -> str:
        """An id that no other transfer has, as long and as scattered as real ones."""
        return f"{BOOK}/txn_{self._random.getrandbits(104):026x}"

    def sides(self) -> tuple[str, str]:
        """The account to debit and the one to credit; a shared account is as often one as the other."""
        first = customer_id(self._draw.number(self._random))
        second = self._draw.shared or self._another_than(first)
        return (first, second) if self._random.getrandbits(1) else (second, first)

    def next(self) -> Change:
        """The next transfer, as a change. The bank's account is opened by the first that needs it."""
        source, destination = self.sides()
        amount = Money(1 + self._random.getrandbits(10), USD)
        legs = (debit(_OPENED.get(source, source), amount), credit(_OPENED.get(destination, destination), amount))
        return Change(BOOK, (Transaction(self.next_id(), "transfer", legs),))

    def _another_than(self, first: str) -> str:
        while (second := customer_id(self._draw.number(self._random))) == first:
            pass
        return second


async def found(database: Database, accounts: Iterable[Account]) -> None:
    """Make the ledger's collections, with these accounts open and empty."""
    await ensure_collections(database, COLLECTIONS)
    waiting = iter(accounts)
    while batch := list(islice(waiting, _INSERTED_AT_ONCE)):
        documents = [account_document(replace(account, version=1, updated_at=FOUNDED_AT)) for account in batch]
        await database["accounts"].insert_many(documents, ordered=False)
