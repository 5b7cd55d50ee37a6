"""What the product needs from third parties: one small Protocol per capability, in our words.

Every method may raise Declined, Unavailable or OutcomeUnknown (app/providers/outcomes.py); methods that only read
never raise OutcomeUnknown for a lost answer, because asking again is harmless. ``None`` means the vendor says that
there is no such thing.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import SecretStr

from app.money import Asset, Money

Direction = Literal["Debit", "Credit"]
"""Debit pulls money from the customer's bank, Credit pushes money to it (NACHA's view of the receiver)."""


ACH_DESCRIPTION_CHARACTERS_MAX = 10
"""The length of NACHA's company entry description."""


class PaymentStatus(StrEnum):
    """Where an ACH payment stands. SENT is not final: RETURNED may follow for up to 60 days."""

    PENDING = "pending"
    PENDING_REVIEW = "pending-review"
    CLEARING = "clearing"
    SENT = "sent"
    RETURNED = "returned"
    REJECTED = "rejected"
    CANCELED = "canceled"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class AchOrder:
    """A payment to be made. ``reference`` is our effect's id; the receiver reads ``description`` on a statement."""

    direction: Direction
    amount: Money
    processor_token: SecretStr
    counterparty_name: str = field(repr=False)
    reference: str
    description: str

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError("a payment moves something")
        if not 0 < len(self.description) <= ACH_DESCRIPTION_CHARACTERS_MAX:
            raise ValueError(f"a description has 1 to {ACH_DESCRIPTION_CHARACTERS_MAX} characters")


@dataclass(frozen=True, slots=True)
class AchPayment:
    """A payment as the bank sees it. ``reason`` is told when it was rejected or returned."""

    id: str
    direction: Direction
    amount: Money
    status: PaymentStatus
    reason: str | None
    reference: str | None


class MovesAch(Protocol):
    """Pulls dollars from, and pushes dollars to, a linked bank account."""

    async def create_payment(self, order: AchOrder, *, key: str) -> AchPayment:
        """Make the payment, once per ``key`` within the key's lifetime; one rejected at birth raises Declined."""
        ...

    async def payment(self, payment_id: str) -> AchPayment | None: ...

    async def find_payment(self, reference: str) -> AchPayment | None:
        """The payment that carries our reference."""
        ...

    async def cancel_payment(self, payment_id: str) -> AchPayment:
        """Cancel it; possible only while it is pending, else Declined."""
        ...


class QuotesRates(Protocol):
    """Prices and network fees."""

    async def rate(self, base: Asset, quote: Asset) -> Decimal:
        """The price of one whole ``base`` in whole ``quote``."""
        ...

    async def network_fee(self, chain: str, to: str | None, amount: Money | None = None) -> Money:
        """What one send is expected to cost, in the chain's own coin; of tokens, if ``amount`` is one of tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person at the verification vendor; ``external_user_id`` is our user's id there."""

    id: str
    external_user_id: str


@dataclass(frozen=True, slots=True)
class Review:
    """How far the verification of a person has come."""

    applicant_id: str
    external_user_id: str
    level: Literal["none", "pending", "verified", "rejected"]


@dataclass(frozen=True, slots=True)
class SdkToken:
    """What the mobile SDK needs to show the verification."""

    token: SecretStr
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A verified person, on the way from the one who verified them to the bank that needs to know them.

    It is passed through: never stored, never logged, and a ``repr`` that says nothing. ``country`` is ISO 3166 alpha-2,
    ``state`` the two letters of a US state, ``phone`` E.164, ``ssn`` nine digits.
    """

    first_name: str
    last_name: str
    born_on: date
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    email: str
    phone: str
    ssn: SecretStr


class VerifiesPeople(Protocol):
    """Knows who a person is."""

    async def applicant_for(self, external_user_id: str) -> Applicant:
        """The applicant of that user, created on first sight."""
        ...

    async def sdk_token(self, external_user_id: str) -> SdkToken: ...

    async def review(self, applicant_id: str) -> Review | None: ...

    async def person(self, applicant_id: str) -> Person:
        """What a bank must know of a verified applicant; Declined when they are gone or something is missing."""
        ...

    async def reuse(self, share_token: SecretStr, external_user_id: str) -> Applicant:
        """Make an applicant of that user from a verification done elsewhere; the token works once, else Declined.

        Asked again after a lost answer, it finds the applicant that the first one made.
        """
        ...


@dataclass(frozen=True, slots=True)
class BankItem:
    """A login at a bank that a customer has linked. The access token is kept sealed."""

    access_token: SecretStr
    item_id: str


@dataclass(frozen=True, slots=True)
class BankAccount:
    """One account of a linked login; of its number only the mask is known here."""

    account_id: str
    mask: str
    name: str
    subtype: str


class Login(StrEnum):
    """How a linked login stands: BROKEN until its owner signs in again, GONE for good."""

    GOOD = "good"
    BROKEN = "broken"
    GONE = "gone"


class LinksBanks(Protocol):
    """Links a customer's bank account without their credentials ever reaching us."""

    async def link_token(self, user_ref: str) -> tuple[SecretStr, datetime]:
        """A token that opens the vendor's dialogue, and when it expires."""
        ...

    async def update_token(self, user_ref: str, access_token: SecretStr) -> tuple[SecretStr, datetime]:
        """A token that opens the dialogue for a login that exists, so that its owner signs in to their bank again."""
        ...

    async def login(self, access_token: SecretStr) -> Login:
        """How a linked login stands."""
        ...

    async def exchange(self, public_token: str) -> BankItem:
        """Spend the dialogue's public token, once; if the answer is lost the customer links again."""
        ...

    async def remove(self, access_token: SecretStr) -> None:
        """Give a login back, so that nobody reaches it any more; one that is gone already is no error."""
        ...

    async def accounts(self, access_token: SecretStr) -> tuple[BankAccount, ...]: ...

    async def processor_token(self, access_token: SecretStr, account_id: str) -> SecretStr:
        """A token with which the payments bank, and nobody else, may reach that account."""
        ...
