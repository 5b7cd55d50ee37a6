"""Fees, rounded up to whole minor units; on a transfer they are two more legs of the same transaction. Pure."""

from app.ids import public_id
from app.ledger.accounts import FEES, system_account
from app.ledger.changes import Document
from app.ledger.documents import leg_from
from app.ledger.transactions import Leg, Side, credit, debit
from app.money import Money

_BPS = 10_000


def fee_of(amount: Money, fee_bps: int) -> Money:
    """The fee on an amount."""
    return Money(-(-amount.minor * fee_bps // _BPS), amount.asset)


def fee_legs(book: str, source_id: str, fee: Money) -> tuple[Leg, ...]:
    """The legs by which the source pays the fee; none where there is none."""
    if not fee:
        return ()
    return debit(source_id, fee), credit(system_account(book, FEES, fee.asset), fee)


def fee_in(transaction: Document) -> Money:
    """The fee that a stored transaction took, in the currency of its headline."""
    legs = [leg_from(leg) for leg in transaction["legs"]]
    asset = legs[0].amount.asset
    paid = (leg.amount.minor for leg in legs if leg.side is Side.CREDIT and _takes_fees(leg, asset.code))
    return Money(sum(paid), asset)


def _takes_fees(leg: Leg, currency: str) -> bool:
    return public_id(leg.account_id) == f"acc_{FEES}-{currency}"
