"""Cards that others have issued: customers pay in with them, and are paid out to them.

The number of a card never reaches us: a customer's app hands it to the vendor, and we see a payment, or a token.
Every method may raise what app/providers/ports.py says; ``since``: it cannot have been made earlier, which bounds a
search.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from app.money import Money
from app.providers.ports import Person


class CardPaymentStatus(StrEnum):
    """Where a payment by card stands. A refused card leaves it open: the customer may try another."""

    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class CardPayment:
    """A payment that a customer may confirm with a card. With ``client_secret`` their app, and anybody, can do so."""

    id: str
    amount: Money
    status: CardPaymentStatus
    reference: str | None
    client_secret: SecretStr | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CardCharge:
    """What a successful payment has brought, and what was taken back of it since.

    ``fee`` is the vendor's for the payment, None until it is settled; ``refunded`` went back to the card; ``disputed``
    is what the cardholder's bank has withdrawn and not given back, ``dispute_fee`` what it charges for that.
    """

    id: str
    amount: Money
    fee: Money | None
    refunded: Money
    disputed: Money
    dispute_fee: Money


class TakesCards(Protocol):
    """Takes payments by card."""

    async def create_payment(self, amount: Money, *, reference: str, key: str) -> CardPayment: ...

    async def payment(self, payment_id: str) -> CardPayment | None: ...

    async def find_payment(self, reference: str, since: datetime) -> CardPayment | None:
        """The payment that carries our reference."""
        ...

    async def cancel_payment(self, payment_id: str, *, key: str) -> CardPayment:
        """Cancel it, or find it over already: canceled or succeeded. Unavailable while a card is being charged."""
        ...

    async def charge_of(self, payment_id: str) -> CardCharge | None:
        """The charge of a payment that succeeded."""
        ...


class CardPayoutStatus(StrEnum):
    """Where a payout stands. PAID is not final: FAILED may follow within some days."""

    ON_ITS_WAY = "on-its-way"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class Payee:
    """Somebody who may be paid. ``due``: what the vendor still has to be told of them, in its own words."""

    id: str
    is_ready: bool
    due: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PayoutCard:
    """A debit card that was put on file for a payee. Not every card can be paid at once."""

    id: str
    is_instant: bool


@dataclass(frozen=True, slots=True)
class CardTransfer:
    """Money moved from our balance at the vendor to a payee's, and what of it was taken back."""

    id: str
    amount: Money
    reversed: Money
    reference: str | None


@dataclass(frozen=True, slots=True)
class CardPayout:
    """Money on its way from a payee's balance to their card. ``reason`` is told when it failed."""

    id: str
    amount: Money
    status: CardPayoutStatus
    reason: str | None
    reference: str | None


class PaysCards(Protocol):
    """Pays to debit cards: a payee each, their card on file, money moved to the payee, and from there to the card."""

    async def create_payee(self, person: Person, *, reference: str, key: str) -> str:
        """The id of a new payee; whoever pays must know whom."""
        ...

    async def find_payee(self, reference: str, since: datetime) -> str | None: ...

    async def payee(self, payee_id: str) -> Payee | None: ...

    async def attach_card(self, payee_id: str, token: SecretStr, *, reference: str, key: str) -> PayoutCard:
        """Put the card on file that the vendor's dialogue made a token of."""
        ...

    async def card(self, payee_id: str, card_id: str) -> PayoutCard | None: ...

    async def find_card(self, payee_id: str, reference: str) -> PayoutCard | None: ...

    async def transfer(self, payee_id: str, amount: Money, *, reference: str, key: str) -> CardTransfer: ...

    async def transferred(self, transfer_id: str) -> CardTransfer | None: ...

    async def find_transfer(self, payee_id: str, reference: str, since: datetime) -> CardTransfer | None: ...

    async def reverse_transfer(self, transfer_id: str, *, reference: str, key: str) -> str:
        """Take the whole transfer back; the reversal's id. Declined when the payee's balance no longer has it."""
        ...

    async def find_reversal(self, transfer_id: str, reference: str) -> str | None: ...

    async def pay_out(self, payee_id: str, card_id: str, amount: Money, *, reference: str, key: str) -> CardPayout: ...

    async def payout(self, payee_id: str, payout_id: str) -> CardPayout | None: ...

    async def find_payout(self, payee_id: str, reference: str, since: datetime) -> CardPayout | None: ...
