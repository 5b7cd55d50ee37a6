"""Stripes: the product's own accounts, kept once for every stream, so that several processes never meet on them. Pure.

Only accounts without a floor are striped: what has a limit must be one number. A stripe's id is the account's with the
slot behind a tilde; whoever adds up an account adds its stripes.
"""

from app.ids import base_id, striped_id
from app.ledger.accounts import Account
from app.ledger.changes import Change
from app.ledger.transactions import Leg, Transaction
from app.values import replace


def striped(change: Change, slot: str) -> Change:
    """The change with its postings on the stripes of that slot."""
    if not any(_is_striped(leg) for transaction in change.transactions for leg in transaction.legs):
        return change
    return replace(change, transactions=tuple(_on_stripes(each, slot) for each in change.transactions))


def _on_stripes(transaction: Transaction, slot: str) -> Transaction:
    return replace(transaction, legs=tuple(_on_stripe(leg, slot) for leg in transaction.legs))


def _on_stripe(leg: Leg, slot: str) -> Leg:
    if not _is_striped(leg) or leg.opening is None:
        return leg
    opening: Account = replace(leg.opening, id=striped_id(base_id(leg.account_id), slot))
    return replace(leg, account_id=opening.id, opening=opening)


def _is_striped(leg: Leg) -> bool:
    return leg.opening is not None and leg.opening.is_striped
