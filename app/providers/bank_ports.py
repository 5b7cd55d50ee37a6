"""What the product needs from the partner bank beside ACH: customers and their accounts, cards, and what it tells.

The rules of ports.py hold here too: the three words, and ``None`` for what the bank does not know.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from app.money import Money
from app.providers.events import WebhookEvent
from app.providers.ports import Person


class ApplicationStatus(StrEnum):
    """How far the bank has come with somebody who wants to be its customer. APPROVED, DENIED and CANCELED are final."""

    AWAITING_DOCUMENTS = "awaiting-documents"
    PENDING_REVIEW = "pending-review"
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELED = "canceled"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class Application:
    """An application at the bank; ``customer_id`` once it is approved. Nothing of the person is in it."""

    id: str
    status: ApplicationStatus
    customer_id: str | None
    reference: str | None


class DepositAccountStatus(StrEnum):
    """Whether money moves on an account at the bank."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class DepositAccount:
    """A customer's account at the bank, with as much of its number as may be kept: ``mask``, the last four digits.

    ``available`` is the bank's own word, for people to look at; what a customer may spend is in the books.
    """

    id: str
    customer_id: str
    status: DepositAccountStatus
    mask: str
    reference: str | None
    available: Money


@dataclass(frozen=True, slots=True)
class AccountNumbers:
    """The numbers others pay to. They are fetched for the account's owner, and never kept."""

    routing_number: SecretStr
    account_number: SecretStr


class KeepsAccounts(Protocol):
    """Makes customers of verified people, and keeps accounts for them."""

    async def apply(self, person: Person, *, reference: str, key: str) -> Application:
        """Apply for a customer, once per ``key`` within the key's lifetime."""
        ...

    async def application(self, application_id: str) -> Application | None: ...

    async def find_application(self, reference: str) -> Application | None:
        """The application that carries our reference."""
        ...

    async def open_account(self, customer_id: str, *, reference: str, key: str) -> DepositAccount:
        """Open an account in dollars, once per ``key`` within the key's lifetime."""
        ...

    async def account(self, account_id: str) -> DepositAccount | None: ...

    async def find_account(self, reference: str) -> DepositAccount | None:
        """The account that carries our reference."""
        ...

    async def account_numbers(self, account_id: str) -> AccountNumbers | None:
        """The full numbers, for their owner's eyes."""
        ...

    async def freeze_account(self, account_id: str, reason: str) -> DepositAccount:
        """Stop all movements; Declined unless it is open. ``reason`` is a sentence that the bank keeps."""
        ...

    async def unfreeze_account(self, account_id: str) -> DepositAccount: ...

    async def close_account(self, account_id: str) -> DepositAccount:
        """Close it for good, at its owner's wish; Declined unless it is empty."""
        ...


@dataclass(frozen=True, slots=True)
class BookOrder:
    """Money to be moved between two accounts at the bank. ``reference`` is ours; ``description`` is for statements."""

    amount: Money
    from_account_id: str
    to_account_id: str
    reference: str
    description: str

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError("a payment moves something")
        if not 0 < len(self.description) <= BOOK_DESCRIPTION_CHARACTERS_MAX:
            raise ValueError(f"a description has 1 to {BOOK_DESCRIPTION_CHARACTERS_MAX} characters")


BOOK_DESCRIPTION_CHARACTERS_MAX = 80


@dataclass(frozen=True, slots=True)
class BookPayment:
    """A movement inside the bank, done at once."""

    id: str
    amount: Money
    is_sent: bool
    reference: str | None


class MovesInside(Protocol):
    """Moves money between accounts of the bank itself."""

    async def move(self, order: BookOrder, *, key: str) -> BookPayment:
        """Make the movement, once per ``key`` within the key's lifetime; one rejected at birth raises Declined."""
        ...

    async def find_movement(self, reference: str) -> BookPayment | None:
        """The movement that carries our reference."""
        ...


class TellsEvents(Protocol):
    """Lists what its webhooks have told, or should have."""

    def events_since(self, since: datetime) -> AsyncIterator[tuple[WebhookEvent, ...]]:
        """The events created at or after that moment, page by page, in whatever order the vendor lists them."""
        ...


class CardStatus(StrEnum):
    """Whether a card can be used. All others than ACTIVE and FROZEN are for good."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A virtual card, as far as we know it: its number stays at the bank."""

    id: str
    mask: str
    expires: str
    status: CardStatus
    reference: str | None


@dataclass(frozen=True, slots=True)
class CardMovement:
    """What a card has moved for good; a credit is what a merchant gave back.

    ``authorization_id`` is that of the authorization it clears, if the bank names one.
    """

    id: str
    card_id: str
    amount: Money
    is_credit: bool
    authorization_id: str | None


@dataclass(frozen=True, slots=True)
class CardAuthorization:
    """An amount that the bank has promised a merchant, until it ``is_open`` no more: cleared, or given up.

    ``request_id`` is that of the question it was preceded by, if the bank names one.
    """

    id: str
    card_id: str
    request_id: str | None
    amount: Money
    is_open: bool
    was_cleared: bool


@dataclass(frozen=True, slots=True)
class CardRequest:
    """A question about a card, as the bank has it now.

    It ``is_open`` until it is answered; ``was_declined``: by us, or by the bank because our answer was late.
    """

    id: str
    card_id: str
    amount: Money
    is_open: bool
    was_declined: bool


class IssuesCards(Protocol):
    """Issues virtual cards and says what became of their use."""

    async def issue_card(self, account_id: str, *, reference: str, key: str) -> IssuedCard:
        """A virtual debit card on that account, once per ``key`` within the key's lifetime."""
        ...

    async def card(self, card_id: str) -> IssuedCard | None: ...

    async def find_card(self, reference: str) -> IssuedCard | None:
        """The card that carries our reference."""
        ...

    async def freeze_card(self, card_id: str) -> IssuedCard: ...

    async def unfreeze_card(self, card_id: str) -> IssuedCard: ...

    async def card_movement(self, account_id: str, transaction_id: str) -> CardMovement | None:
        """The transaction, if a card made it; None for every other transaction."""
        ...

    async def card_request(self, request_id: str) -> CardRequest | None:
        """The question of that id, whatever became of it."""
        ...

    async def answer_request(self, request: CardRequest, reason: str | None) -> None:
        """Approve an open question, or decline it for that reason of the vendor's list; Declined when it is over."""
        ...

    async def card_authorization(self, authorization_id: str) -> CardAuthorization | None:
        """The authorization, whatever became of it."""
        ...
