"""Amounts, payment methods and card tokens with a meaning of their own."""

from typing import Literal

PaymentFate = Literal["left", "declined", "authenticated", "disputed", "refunded"]

PAYMENT_FATES: dict[int, tuple[PaymentFate, str]] = {
    47: ("left", "nobody confirms it, until a call does"),
    53: ("declined", "the customer's card is declined, and they try no other"),
    59: ("disputed", "paid, and disputed later"),
    61: ("refunded", "paid, and refunded in full later"),
    67: ("authenticated", "the customer must authenticate first (requires_action), then it is paid"),
}
"""By the cents of a payment that was created without a payment method. Of every other the customer pays."""

PAYOUT_FATES: dict[int, tuple[str, str]] = {
    31: ("account_closed", "paid, and failed later (account_closed)"),
    37: ("could_not_process", "failed (could_not_process), never paid"),
    43: ("", "stays pending"),
}
"""By the cents of a payout: the failure code, and what happens."""

_GENERIC = ("card_declined", "generic_decline")
DECLINING: dict[str, tuple[str, str]] = {
    "pm_card_chargeDeclined": _GENERIC,
    "pm_card_visa_chargeDeclined": _GENERIC,
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
}
"""Payment methods that are declined, with code and decline code."""

AUTHENTICATING = frozenset({"pm_card_authenticationRequired", "pm_card_threeDSecure2Required"})
DISPUTED = frozenset({"pm_card_createDispute"})
PAYING = frozenset({"pm_card_visa", "pm_card_visa_debit", "pm_card_mastercard", "pm_card_amex"})

INSTANT_TOKENS = frozenset({"tok_visa_debit", "tok_mastercard_debit", "tok_visa_debit_us_transferSuccess"})
STANDARD_TOKENS = frozenset({"tok_visa_debit_standard"})
"""A debit card that cannot be paid at once."""
CREDIT_TOKENS = frozenset({"tok_visa", "tok_mastercard"})
"""Cards that cannot be paid at all."""


def meanings() -> list[tuple[str, str]]:
    """Everything with a meaning, for the start page."""
    payments = [(f"payment, x.{cents}", meaning) for cents, (_, meaning) in PAYMENT_FATES.items()]
    payouts = [(f"payout, x.{cents}", meaning) for cents, (_, meaning) in PAYOUT_FATES.items()]
    methods = [
        (", ".join(sorted(PAYING)), "confirms"),
        (", ".join(sorted(DECLINING)), "declined with 402; the payment is open again"),
        (", ".join(sorted(AUTHENTICATING)), "requires_action, then paid"),
        (", ".join(sorted(DISPUTED)), "paid, and disputed later"),
        (", ".join(sorted(INSTANT_TOKENS)), "debit cards that can be paid at once"),
        (", ".join(sorted(STANDARD_TOKENS)), "a debit card that cannot be paid at once"),
        (", ".join(sorted(CREDIT_TOKENS)), "credit cards, refused for payouts"),
    ]
    return payments + payouts + methods
