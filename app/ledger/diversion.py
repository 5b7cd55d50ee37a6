"""Where a fact lands when its account cannot take it.

A fact has already happened outside, so refusing it would only make the books wrong. A closed account's leg lands in
suspense; a debit beyond what is available lands, for the part that is missing, in its owner's receivable.
"""

from app.ledger.accounts import Account, AccountStatus, receivable, suspense
from app.ledger.transactions import Leg, Side
from app.money import Money
from app.values import replace


def divert(leg: Leg, account: Account, book: str) -> tuple[Leg, ...]:
    """The legs that stand for this one: itself where the account can take it whole."""
    if account.status is AccountStatus.CLOSED:
        return (_onto(suspense(book, account.asset), leg),)
    if leg.side is Side.CREDIT or account.min_available is None:
        return (leg,)
    covered = min(leg.amount.minor, max(0, account.available - account.min_available))
    missing = leg.amount.minor - covered
    if not missing:
        return (leg,)
    owed = _onto(receivable(book, account.user_id, account.asset), leg, missing)
    return (replace(leg, amount=Money(covered, account.asset)), owed) if covered else (owed,)


def _onto(account: Account, leg: Leg, minor: int | None = None) -> Leg:
    amount = leg.amount if minor is None else Money(minor, account.asset)
    return Leg(account.id, leg.side, amount, opening=account)
