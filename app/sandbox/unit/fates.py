"""Amounts with a meaning of their own: the cents decide what becomes of a payment."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["Debit", "Credit"]


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a payment, and the vendor's reason for it."""

    what: Literal["rejected", "returned_clearing", "returned_sent", "stuck", "reviewed"]
    reason: str | None
    meaning: str


FATES: dict[tuple[Direction, int], Fate] = {
    ("Debit", 13): Fate("rejected", "InsufficientFunds", "rejected at once (201 with status Rejected)"),
    ("Debit", 17): Fate("returned_sent", "InsufficientFunds", "returned (R01) after Sent"),
    ("Debit", 19): Fate("returned_clearing", "AccountClosed", "returned (R02) while Clearing, never Sent"),
    ("Debit", 23): Fate("stuck", None, "stays Pending until /sandbox/ach/transmit"),
    ("Debit", 29): Fate("reviewed", None, "PendingReview first, then its usual way"),
    ("Debit", 41): Fate("returned_sent", "ConsumerPaymentUnauthorized", "returned (R10) after Sent"),
    ("Credit", 31): Fate("returned_sent", "NoAccount", "returned (R03) after Sent"),
    ("Credit", 37): Fate("rejected", "DailyACHCreditLimitExceeded", "rejected at once (201 with status Rejected)"),
    ("Credit", 43): Fate("stuck", None, "stays Pending until /sandbox/ach/transmit"),
}


def fate_of(direction: Direction, amount_cents: int) -> Fate | None:
    return FATES.get((direction, amount_cents % 100))
