"""Transactions: immutable, balanced, and identified by what caused them. Pure; no I/O.

``posted`` transactions move balances. ``pending`` ones move only what is held: a hold reserves the debited account's
money for the credited one, and a release gives it back. Both are fixed at birth; nothing is ever edited.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

import orjson

from app.clock import rfc3339, whole_milliseconds
from app.errors import MetadataInvalid, NotReversible, Unbalanced
from app.ids import base_id, book_of, derived_id, public_id, stored_id
from app.ledger.accounts import Account
from app.money import Money
from app.values import dataclass, replace

MetadataValue = str | int | bool | None

REFUND = "refund"

_LEGS_MAX = 128
_METADATA_KEYS_MAX = 20
_METADATA_TEXT_MAX = 255


class Side(StrEnum):
    """Debit or credit."""

    DEBIT = "DR"
    CREDIT = "CR"

    @property
    def mirror(self) -> "Side":
        """The other side."""
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


class Status(StrEnum):
    """Whether a transaction moves balances or only what is held."""

    POSTED = "posted"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transaction on one account. ``opening`` opens the account if it is not there yet."""

    account_id: str
    side: Side
    amount: Money
    opening: Account | None = None

    @property
    def delta(self) -> int:
        """What it adds to the account's balance, in minor units."""
        return self.amount.minor if self.side is Side.CREDIT else -self.amount.minor


def debit(account: Account | str, amount: Money) -> Leg:
    """Take from a customer, or add to what we own."""
    return _leg(account, Side.DEBIT, amount)


def credit(account: Account | str, amount: Money) -> Leg:
    """Give to a customer, or take from what we own."""
    return _leg(account, Side.CREDIT, amount)


def _leg(account: Account | str, side: Side, amount: Money) -> Leg:
    if isinstance(account, Account):
        return Leg(account.id, side, amount, opening=account)
    return Leg(account, side, amount)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Two or more legs that balance in every currency, or it cannot be built.

    ``hold_ids`` names the holds, one an account, that a capture or release draws on; ``closes_holds`` frees what it
    leaves of them. ``reverses`` is the transaction that a reversal or refund takes back, ``expires_at`` when a hold
    ends by itself. Raises Unbalanced, then MetadataInvalid.
    """

    id: str
    kind: str
    legs: tuple[Leg, ...]
    status: Status = Status.POSTED
    hold_ids: tuple[str, ...] = ()
    closes_holds: bool = False
    reverses: str | None = None
    saga_id: str | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        _require_balance(self.legs)
        _require_one_book(self.id, self.legs)
        require_flat(self.metadata)

    @property
    def book(self) -> str:
        """The book all its legs belong to."""
        return book_of(self.id)

    @property
    def first_debit(self) -> Leg:
        """The leg that names the source account."""
        return next(leg for leg in self.legs if leg.side is Side.DEBIT)

    @property
    def first_credit(self) -> Leg:
        """The leg that names the destination account."""
        return next(leg for leg in self.legs if leg.side is Side.CREDIT)

    @property
    def moving_legs(self) -> tuple[Leg, ...]:
        """The legs whose accounts change, and so are guarded: of a hold and its release, the side that is held."""
        if self.status is Status.POSTED:
            return self.legs
        side = Side.CREDIT if self.hold_ids else Side.DEBIT
        return tuple(leg for leg in self.legs if leg.side is side)

    @property
    def fingerprint(self) -> str:
        """A digest of everything that was asked for: same id with another fingerprint is another request."""
        content = [
            self.kind,
            self.status,
            [[base_id(leg.account_id), leg.side, str(leg.amount.minor), leg.amount.asset.code] for leg in self.legs],
            self.hold_ids,
            self.closes_holds,
            self.reverses,
            self.saga_id,
            sorted(self.metadata.items()),
        ]
        if self.expires_at is not None:
            content.append(rfc3339(self.expires_at))
        return hashlib.sha256(orjson.dumps(content)).hexdigest()

    def reversed(self) -> "Transaction":
        """Its mirror, with an id that only it can have: a transaction is reversed whole and once.

        Raises NotReversible for a pending transaction, a reversal, and a posting that a saga owns.
        """
        reason = self._why_not_reversible()
        if reason:
            raise NotReversible(public_id(self.id), reason)
        return Transaction(
            id=stored_id(self.book, derived_id("txn", self.id, "reversal")),
            kind="reversal",
            legs=tuple(Leg(leg.account_id, leg.side.mirror, leg.amount, leg.opening) for leg in self.legs),
            reverses=self.id,
        )

    def refunded(self, refund_id: str, amount: Money) -> "Transaction":
        """A refund of part of it: that much of what reached the destination goes back to the source.

        How much is left to refund, the book decides. Raises NotReversible as ``reversed`` does, and for a conversion.
        """
        reason = self._why_not_reversible()
        if self.first_debit.amount.asset != self.first_credit.amount.asset:
            reason = reason or "its source and destination are in different currencies"
        if reason:
            raise NotReversible(public_id(self.id), reason)
        legs = (debit(self.first_credit.account_id, amount), credit(self.first_debit.account_id, amount))
        return Transaction(refund_id, REFUND, legs, reverses=self.id)

    def _why_not_reversible(self) -> str | None:
        if self.status is Status.PENDING:
            return "it only holds money; release the hold"
        if self.reverses:
            return f"it is a {self.kind} itself"
        if self.saga_id:
            return "a saga owns it and undoes it in its own way"
        return None


@dataclass(frozen=True, slots=True)
class Hold:
    """What a hold still reserves on its account, in minor units; ``expires_at`` only while it reserves something."""

    id: str
    account_id: str
    remaining: int
    version: int
    expires_at: datetime | None = None


def hold(
    transaction_id: str,
    source: Account | str,
    toward: Account | str,
    amount: Money,
    *,
    saga_id: str | None = None,
    expires_at: datetime | None = None,
) -> Transaction:
    """Reserve the source's money for another account; its id is the hold's id.

    Raises ValueError for a saga's hold that expires: time alone never takes from a saga what it counts on.
    """
    if saga_id is not None and expires_at is not None:
        raise ValueError("a saga's hold never expires")
    legs = (debit(source, amount), credit(toward, amount))
    until = None if expires_at is None else whole_milliseconds(expires_at)
    return Transaction(transaction_id, "hold", legs, Status.PENDING, saga_id=saga_id, expires_at=until)


def release(transaction_id: str, held: Transaction, amount: Money) -> Transaction:
    """Give back what a hold still reserves: the whole of ``amount``, which must be what remains."""
    legs = (
        replace(held.first_credit, side=Side.DEBIT, amount=amount),
        replace(held.first_debit, side=Side.CREDIT, amount=amount),
    )
    return Transaction(
        transaction_id,
        "release",
        legs,
        Status.PENDING,
        hold_ids=(held.id,),
        closes_holds=True,
        saga_id=held.saga_id,
    )


def require_flat(metadata: Mapping[str, object]) -> None:
    """Metadata is flat, bounded and scalar, so it can be stored, searched by exact match, and never interpreted.

    Raises MetadataInvalid.
    """
    if len(metadata) > _METADATA_KEYS_MAX:
        raise MetadataInvalid(f"more than {_METADATA_KEYS_MAX} keys")
    for key, value in metadata.items():
        if not key or len(key) > 40 or not all(letter.isalnum() or letter in "_-" for letter in key):
            raise MetadataInvalid("keys are 1 to 40 letters, digits, underscores and hyphens")
        if not isinstance(value, str | int | None):
            raise MetadataInvalid(f"{key} must be text, a whole number, true, false or null")
        if isinstance(value, str) and len(value) > _METADATA_TEXT_MAX:
            raise MetadataInvalid(f"{key} is longer than {_METADATA_TEXT_MAX} characters")
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise MetadataInvalid(f"{key} holds half a character, which UTF-8 cannot")
        if isinstance(value, int) and not -(2**53) < value < 2**53:
            raise MetadataInvalid(f"{key} is larger than every client can read")


def _require_balance(legs: tuple[Leg, ...]) -> None:
    if not 2 <= len(legs) <= _LEGS_MAX:
        raise Unbalanced(f"a transaction has 2 to {_LEGS_MAX} legs")
    sums: defaultdict[str, int] = defaultdict(int)
    for leg in legs:
        if leg.amount.minor <= 0:
            raise Unbalanced("every leg moves more than nothing")
        sums[leg.amount.asset.code] += leg.delta
    uneven = sorted(code for code, total in sums.items() if total)
    if uneven:
        raise Unbalanced(f"debits and credits differ in {', '.join(uneven)}")


def _require_one_book(transaction_id: str, legs: tuple[Leg, ...]) -> None:
    book = book_of(transaction_id)
    if not book or any(book_of(leg.account_id) != book for leg in legs):
        raise Unbalanced("all legs belong to the transaction's own book")
