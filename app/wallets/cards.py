"""Cards and what they were asked for, as nouns and as documents. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.ids import book_of, derived_id, stored_id
from app.ledger.changes import ABSENT, Companion
from app.money import USD, Money
from app.plumbing.decimals import from_decimal128, to_decimal128
from app.providers.bank_ports import CardStatus, IssuedCard

CARDS, CARD_AUTHORIZATIONS = "cards", "card_authorizations"


class Standing(StrEnum):
    """Whether a card may be used. ISSUING: asked for at the bank, and not answered yet."""

    ISSUING = "issuing"
    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


_STANDINGS = {
    CardStatus.ACTIVE: Standing.ACTIVE,
    CardStatus.FROZEN: Standing.FROZEN,
    CardStatus.CLOSED: Standing.CLOSED,
    CardStatus.UNRECOGNISED: Standing.FROZEN,  # what nobody here understands pays nothing
}


@dataclass(frozen=True, slots=True)
class Card:
    """A virtual card that spends from an account here. Its number stays at the bank; ``mask`` is the end of it."""

    id: str
    user_id: str
    account_id: str
    standing: Standing
    created_at: datetime
    vendor_id: str | None = None
    mask: str = ""
    expires: str = ""
    version: int = 1

    def issued(self, issued: IssuedCard) -> "Card":
        """The card as the bank has it now."""
        return replace(
            self,
            vendor_id=issued.id,
            mask=issued.mask,
            expires=issued.expires,
            standing=_STANDINGS[issued.status],
        )


def card_from(document: dict[str, Any]) -> Card:
    """A card as read."""
    names = Card.__dataclass_fields__.keys() - {"id", "standing"}
    standing = Standing(document["standing"])
    return Card(id=document["_id"], standing=standing, **{name: document[name] for name in names})


def card_companion(before: Card | None, after: Card) -> Companion:
    """The companion that keeps a card, or moves it on from how it was read."""
    names = Card.__dataclass_fields__.keys() - {"id", "standing", "version"}
    document: dict[str, Any] = {name: getattr(after, name) for name in names}
    document["standing"] = after.standing.value
    if before is None:
        return Companion(CARDS, after.id, ABSENT, {**document, "book": book_of(after.id), "version": 1})
    return Companion(CARDS, after.id, {"version": before.version}, {**document, "version": before.version + 1})


@dataclass(frozen=True, slots=True)
class CardAuthorization:
    """How a question of the bank was answered. ``reason``: why it was declined; None when it was approved.

    ``vendor_id``: the authorization that the bank has made of it, once that is known.
    """

    id: str
    card_id: str
    request_id: str
    amount: Money
    reason: str | None
    asked_at: datetime
    vendor_id: str | None = None
    version: int = 1

    @property
    def hold_id(self) -> str:
        """The ledger's hold that backs an approval."""
        return stored_id(book_of(self.id), derived_id("txn", self.id, "hold"))


def authorization_id(book: str, request_id: str) -> str:
    """The id of the answer to a question, the same however often it is asked."""
    return stored_id(book, derived_id("cau", "unit", request_id))


def authorization_from(document: dict[str, Any]) -> CardAuthorization:
    """An answer as read."""
    names = CardAuthorization.__dataclass_fields__.keys() - {"id", "amount"}
    amount = Money(from_decimal128(document["amount"]), USD)
    return CardAuthorization(id=document["_id"], amount=amount, **{name: document[name] for name in names})


def authorization_companion(before: CardAuthorization | None, after: CardAuthorization) -> Companion:
    """The companion that keeps an answer, or moves it on from how it was read."""
    names = CardAuthorization.__dataclass_fields__.keys() - {"id", "amount", "version"}
    document: dict[str, Any] = {name: getattr(after, name) for name in names}
    document["amount"] = to_decimal128(after.amount.minor)
    if before is None:
        born = {**document, "book": book_of(after.id), "version": 1}
        return Companion(CARD_AUTHORIZATIONS, after.id, ABSENT, born)
    moved = {**document, "version": before.version + 1}
    return Companion(CARD_AUTHORIZATIONS, after.id, {"version": before.version}, moved)
