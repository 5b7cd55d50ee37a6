"""What leads to which moment, so that a process can be killed there; and which moments a storm never comes to.

The first line that a moment begins with is what customers, vendors or newcomers do to bring it about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.moments import Moment, expected
from tests.chaos.orders import CREDIT_CARD, DEBIT_CARD, PUSH_RETURNED_LATE, SENT_BY_NONCE, Wish

NEWCOMER, COINS, SALE = "newcomer", "coins", "sale"
"""Somebody new comes, coins come from outside, a merchant is paid by card; every other way is a route of ours."""


@dataclass(frozen=True, slots=True)
class Provocation:
    """``way`` is the route that is asked, or one of the three above; ``declines`` what a vendor then refuses: where the
    order ``waits`` for somebody else first, once it does.

    ``ssn`` and ``verdict``: who a newcomer turns out to be. ``stops``: what they ask for before an officer stops them.
    """

    way: str
    wish: Wish = field(default_factory=Wish)
    declines: str = ""
    waits: bool = False
    stops: str = ""
    ssn: str = ""
    verdict: str = "GREEN"


_NO_SEND = "tatum send"
_PURCHASE, _WITHDRAWAL, _OUT = "/v1/purchases", "/v1/withdrawals", "/v1/crypto-withdrawals"
_TOPUP, _PAYOUT, _DEPOSIT = "/v1/card-topups", "/v1/card-payouts", "/v1/deposits"
_SPENT = Wish(paying="account", to="address", size="small")
_TAKEN_OUT = Wish(size="small", coin="BTC")
_PULLED = Wish(paying="bank", to="address", cents="00", size="small")
_STUCK = Wish(paying="bank", to="account", cents="23")
_PAID_FAILS, _LEFT_UNPAID = Wish(cents="37", card=DEBIT_CARD), Wish(cents="47")

PROVOCATIONS: Mapping[str, Provocation] = {
    "purchase.collect undo called-off": Provocation(NEWCOMER, _STUCK, stops=_PURCHASE),
    "purchase.collect undo": Provocation(_PURCHASE, _PULLED, declines=_NO_SEND, waits=True),
    "purchase.collect do failed": Provocation(_PURCHASE, Wish(paying="bank", to="account", cents="19")),
    "purchase.collect": Provocation(_PURCHASE, Wish(paying="bank", to="account", cents="00")),
    "purchase.deliver do failed": Provocation(_PURCHASE, _SPENT, declines=_NO_SEND),
    "purchase.convert undo": Provocation(_PURCHASE, _SPENT, declines=_NO_SEND),
    "purchase.record undo": Provocation(_PURCHASE, _SPENT, declines=_NO_SEND),
    "purchase.screen do failed": Provocation(_PURCHASE, Wish(paying="account", to="address", size="hit")),
    "purchase.screen": Provocation(_PURCHASE, Wish(paying="account", to="address", size="large")),
    "purchase.deliver": Provocation(_PURCHASE, _SPENT),
    "purchase": Provocation(_PURCHASE, Wish(paying="account", to="account")),
    "sale": Provocation("/v1/sales"),
    "deposit.collect undo": Provocation(NEWCOMER, _STUCK, stops=_DEPOSIT),
    "deposit.collect do failed": Provocation(_DEPOSIT, Wish(cents="19")),
    "deposit": Provocation(_DEPOSIT, Wish(cents="00")),
    "withdrawal.push do failed": Provocation(_WITHDRAWAL, Wish(cents="37")),
    "withdrawal.record undo": Provocation(_WITHDRAWAL, Wish(cents="37")),
    "withdrawal.screen do failed": Provocation(_WITHDRAWAL, Wish(size="hit")),
    "withdrawal.screen": Provocation(_WITHDRAWAL, Wish(cents="00", size="large")),
    "withdrawal": Provocation(_WITHDRAWAL, Wish(cents="00")),
    "crypto_withdrawal.deliver do failed": Provocation(_OUT, _TAKEN_OUT, declines=_NO_SEND),
    "crypto_withdrawal.charge undo": Provocation(_OUT, _TAKEN_OUT, declines=_NO_SEND),
    "crypto_withdrawal.record undo": Provocation(_OUT, _TAKEN_OUT, declines=_NO_SEND),
    "crypto_withdrawal.screen do failed": Provocation(_OUT, Wish(size="hit")),
    "crypto_withdrawal.screen": Provocation(_OUT, Wish(size="large", coin="BTC")),
    "crypto_withdrawal": Provocation(_OUT, _TAKEN_OUT),
    "crypto_deposit": Provocation(COINS),
    "recovery.open": Provocation(_TOPUP, Wish(cents="61")),
    "recovery": Provocation(_WITHDRAWAL, Wish(cents=PUSH_RETURNED_LATE, size="small")),
    "onboarding.verify do failed": Provocation(NEWCOMER, verdict="RED"),
    "onboarding.apply do failed": Provocation(NEWCOMER, ssn="000000001"),
    "onboarding": Provocation(NEWCOMER),
    "card_topup.collect do failed": Provocation(_TOPUP, _LEFT_UNPAID),
    "card_topup.collect undo": Provocation(_TOPUP, _LEFT_UNPAID),
    "card_topup": Provocation(_TOPUP, Wish(cents="00")),
    "card_payout.payee do failed": Provocation(NEWCOMER, declines="stripe create_account"),
    "card_payout.payee": Provocation(NEWCOMER),
    "card_payout.card do failed": Provocation(_PAYOUT, Wish(card=CREDIT_CARD)),
    "card_payout.screen do failed": Provocation(_PAYOUT, Wish(size="hit", card=DEBIT_CARD)),
    "card_payout.screen": Provocation(_PAYOUT, Wish(cents="00", size="large", card=DEBIT_CARD)),
    "card_payout.record undo": Provocation(_PAYOUT, Wish(card=CREDIT_CARD)),
    "card_payout.transfer do failed": Provocation(_PAYOUT, Wish(card=DEBIT_CARD), declines="stripe create_transfer"),
    "card_payout.transfer undo": Provocation(_PAYOUT, _PAID_FAILS),
    "card_payout.payout do failed": Provocation(_PAYOUT, _PAID_FAILS),
    "card_payout": Provocation(_PAYOUT, Wish(cents="00", card=DEBIT_CARD)),
    "card.question": Provocation(SALE),
    "POST /unit/": Provocation(_DEPOSIT, Wish(cents="00")),
    "POST /tatum/v3/ethereum/": Provocation(_PURCHASE, SENT_BY_NONCE),
    "POST /tatum/": Provocation(_PURCHASE, Wish(paying="account", to="address", size="small", coin="BTC")),
    "POST /stripe/v1/payment_intents/": Provocation(_TOPUP, _LEFT_UNPAID),
    "POST /stripe/v1/payment_intents": Provocation(_TOPUP, Wish(cents="00")),
    "POST /stripe/v1/transfers/": Provocation(_PAYOUT, _PAID_FAILS),
    "POST /stripe/": Provocation(_PAYOUT, Wish(cents="00", card=DEBIT_CARD)),
}

_TEN_MINUTES = "what the chain took back is missed for as long as a confirmation takes, ten minutes, before it counts"
_HALF_AN_HOUR = "a nonce that holds others up is filled once it has stood still for half an hour"

NEVER: Mapping[str, str] = {
    "crypto_deposit.record undo": _TEN_MINUTES,
    "crypto_deposit.confirm do failed": _TEN_MINUTES,
    "nonce_fill": _HALF_AN_HOUR,
    "sale.record undo": "nothing refuses the conversion of what is held; a stopped account parks it",
    "recovery.book do failed": "what has happened is booked, or waits for a person",
}
"""Moments, by how they begin, that nothing from outside brings about while a storm lasts, and why."""


def why_never(what: str) -> str:
    """Why a storm never comes to that moment; empty if it does."""
    return next((reason for beginning, reason in NEVER.items() if what.startswith(beginning)), "")


def reachable() -> list[Moment]:
    """Every moment that a long run should have been killed at, in the order of the definitions."""
    return [moment for moment in expected() if not why_never(moment.what)]


def provocation_of(what: str) -> Provocation:
    """What brings it about. Raises StopIteration for what nothing does."""
    return next(each for beginning, each in PROVOCATIONS.items() if what.startswith(beginning))
