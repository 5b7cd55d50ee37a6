"""What is left of a transaction to take back: it is reversed whole, or refunded in parts, never both, never more. Pure.

The remainder is a companion of the original: whoever takes back writes it in the same commit, guarded by its version.
"""

from app.errors import AlreadyRefunded, AlreadyReversed, RefundExceedsRemainder
from app.ids import public_id
from app.ledger.changes import ABSENT, Companion, Document
from app.ledger.documents import leg_from
from app.ledger.transactions import REFUND, Side, Transaction
from app.money import Money
from app.plumbing.decimals import from_decimal128, to_decimal128

REMAINDERS = "remainders"


def take_back(taking: Transaction, original: Document, remainder: Document | None) -> Companion:
    """The remainder that a reversal or refund leaves of the original, guarded by what was read of it.

    Raises AlreadyReversed, AlreadyRefunded, RefundExceedsRemainder.
    """
    whole = refundable(original)
    refunded = from_decimal128(remainder["refunded"]) if remainder else 0
    version = remainder["version"] if remainder else 0
    if remainder and remainder["reversed_by"]:
        raise AlreadyReversed(public_id(original["_id"]))
    if taking.kind == REFUND:
        left = whole.minor - refunded
        refunded += taking.first_debit.amount.minor
        if refunded > whole.minor:
            raise RefundExceedsRemainder(public_id(original["_id"]), str(Money(left, whole.asset)), whole.asset.code)
    elif refunded:
        raise AlreadyRefunded(public_id(original["_id"]))
    document = {
        "whole": to_decimal128(whole.minor),
        "refunded": to_decimal128(refunded),
        "currency": whole.asset.code,
        "reversed_by": None if taking.kind == REFUND else taking.id,
        "version": version + 1,
    }
    return Companion(REMAINDERS, original["_id"], {"version": version} if remainder else ABSENT, document)


def refundable(original: Document) -> Money:
    """What reached the destination, and so what may come back from it."""
    return next(leg.amount for leg in map(leg_from, original["legs"]) if leg.side is Side.CREDIT)
