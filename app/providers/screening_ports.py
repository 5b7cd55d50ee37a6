"""Checking a payment against sanctions lists and rules for laundered money."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from app.money import Money


class Finding(Enum):
    """What a check has come to. ``OPEN``: nothing yet, or a word that we do not know; it never passes for ``CLEAR``."""

    CLEAR = "clear"
    HIT = "hit"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Payment:
    """What is to be checked: ``reference`` is our own, and unique. Money always leaves here."""

    reference: str
    amount: Money
    method: Literal["bank", "chain", "card"]
    counterparty: str
    """Where it goes: an address, or what stands for the customer's own account at a bank, or their own card."""


@dataclass(frozen=True, slots=True)
class Screening:
    """A check, by the vendor's id for it."""

    id: str
    finding: Finding


class ScreensPayments(Protocol):
    """Checks payments. Checking the same reference again is the same check."""

    async def screen(self, applicant_id: str, payment: Payment) -> Screening:
        """The check of that payment of that applicant's, begun if it is new.

        Raises Declined, Unavailable, OutcomeUnknown (ask again: it is found by its reference).
        """
        ...
