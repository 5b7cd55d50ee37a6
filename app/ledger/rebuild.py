"""Accounts derived from their transactions alone: balance, held amount, number of entries, last transaction. Pure.

Transactions may come in any order. Memory is proportional to the accounts and the holds.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.ledger.changes import Document
from app.ledger.documents import transaction_from
from app.ledger.transactions import Side, Status, Transaction
from app.plumbing.decimals import from_decimal128, to_decimal128

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Derived:
    """One account as its transactions make it; amounts in minor units.

    ``lasts`` are the transactions that may be its last: those of the latest instant, one of each stream. Streams do not
    tell which of theirs came first, so where there are several, the account's entries decide.
    """

    balance: int = 0
    held: int = 0
    seq: int = 0
    last_at: datetime = _NEVER
    lasts: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def note_last(self, document: Document) -> None:
        """Take in one of its transactions."""
        at, position = document["timestamp"], document["position"]
        if at < self.last_at:
            return
        if at > self.last_at:
            self.last_at, self.lasts = at, {}
        place = (position["n"], position["i"], document["_id"])
        self.lasts[position["stream"]] = max(self.lasts.get(position["stream"], place), place)

    @property
    def last_ids(self) -> list[str]:
        """The ids of the transactions that may be its last."""
        return [transaction_id for _, _, transaction_id in self.lasts.values()]


@dataclass(slots=True)
class _Held:
    account_id: str = ""
    amount: int = 0
    drawn: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    closed: bool = False


class Derivation:
    """All accounts of the books, derived."""

    def __init__(self) -> None:
        self.transactions = 0
        self.accounts: defaultdict[str, Derived] = defaultdict(Derived)
        self._holds: defaultdict[str, _Held] = defaultdict(_Held)

    def take(self, document: Document) -> None:
        """Take in one transaction. Raises WalletError, ValueError, KeyError or TypeError where it is damaged."""
        transaction = transaction_from(document)
        self.transactions += 1
        if transaction.status is Status.PENDING and not transaction.hold_ids:
            leg = transaction.first_debit
            self._holds[transaction.id].account_id = leg.account_id
            self._holds[transaction.id].amount = leg.amount.minor
        self._draw(transaction)
        if transaction.status is Status.POSTED:
            for leg in transaction.legs:
                derived = self.accounts[leg.account_id]
                derived.balance += leg.delta
                derived.seq += 1
                derived.note_last(document)

    def finish(self) -> None:
        """Once every transaction was taken in: what the holds still reserve."""
        for each in self._holds.values():
            if each.account_id and not each.closed:
                self.accounts[each.account_id].held += each.amount - each.drawn[each.account_id]
        self._holds.clear()

    def _draw(self, transaction: Transaction) -> None:
        """Holds are drawn on by the side that moves the held money: captures debit it, releases credit it back."""
        side = Side.CREDIT if transaction.status is Status.PENDING else Side.DEBIT
        for hold_id in transaction.hold_ids:
            held = self._holds[hold_id]
            held.closed |= transaction.closes_holds
            for leg in transaction.legs:
                if leg.side is side:
                    held.drawn[leg.account_id] += leg.amount.minor


def rebuilt(stored: Document, derived: Derived, last_id: str | None) -> Document:
    """The account's document as its transactions make it; what they do not tell (owner, status, limits) is kept."""
    return {
        **stored,
        "balance": to_decimal128(derived.balance),
        "held": to_decimal128(derived.held),
        "seq": derived.seq,
        "last_transaction_id": last_id,
    }


def differences(stored: Document, made: Document) -> Iterator[str]:
    """Each field that differs, with both values."""
    for name in ("balance", "held"):
        expected, found = from_decimal128(made[name]), _amount(stored.get(name))
        if found != expected:
            yield f"{name} is {found}, its transactions say {expected}"
    for name in ("seq", "last_transaction_id"):
        if stored.get(name) != made[name]:
            yield f"{name} is {stored.get(name)}, its transactions say {made[name]}"


def _amount(stored: object) -> int | str:
    """What is stored there, for the sentence: damage is told as it stands."""
    try:
        return from_decimal128(stored)
    except ValueError:
        return f"damaged ({stored})"
