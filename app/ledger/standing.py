"""Whether an account takes part: freeze, unfreeze, close, reopen. Pure.

An account's standing decides what passes, so it is written by the door like its balance, in order with the postings
that meet it, and never while another writes the account.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.errors import AccountClosed, AccountFrozen, AccountNotEmpty, AccountNotFound, AccountOpen
from app.ids import public_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.money import Money


class Act(StrEnum):
    """What may be done to an account's standing."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    CLOSE = "close"
    REOPEN = "reopen"

    @property
    def before(self) -> AccountStatus:
        """The standing it needs."""
        return _MOVES[self][0]

    @property
    def after(self) -> AccountStatus:
        """The standing it leaves."""
        return _MOVES[self][1]


_MOVES = {
    Act.FREEZE: (AccountStatus.OPEN, AccountStatus.FROZEN),
    Act.UNFREEZE: (AccountStatus.FROZEN, AccountStatus.OPEN),
    Act.CLOSE: (AccountStatus.OPEN, AccountStatus.CLOSED),
    Act.REOPEN: (AccountStatus.CLOSED, AccountStatus.OPEN),
}

_INSTEAD = {
    AccountStatus.OPEN: AccountOpen,
    AccountStatus.FROZEN: AccountFrozen,
    AccountStatus.CLOSED: AccountClosed,
}


@dataclass(frozen=True, slots=True)
class StandingChange:
    """An act on one account."""

    account_id: str
    act: Act


def require_legal(act: Act, account: Account | None) -> AccountStatus:
    """The standing that the act leaves the account in.

    Raises AccountNotFound (also for what is no customer's), AccountOpen, AccountFrozen or AccountClosed (whichever it
    is instead of what the act needs), AccountNotEmpty.
    """
    if account is None or account.role != CUSTOMER:
        raise AccountNotFound
    if account.status is not act.before:
        raise _INSTEAD[account.status](public_id(account.id))
    if act is Act.CLOSE and (account.balance or account.held):
        held = Money(account.held, account.asset)
        raise AccountNotEmpty(public_id(account.id), str(account.balance_money), str(held), account.asset.code)
    return act.after
