"""Our side of a person: their id here and how far their verification has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.ids import is_book, is_public_id, stored_id

ComplianceLevel = Literal["none", "pending", "verified", "rejected"]
LEVELS: tuple[ComplianceLevel, ...] = ("none", "pending", "verified", "rejected")
"""All of them, the more decided ones last."""


@dataclass(frozen=True, slots=True)
class User:
    """A person of a tenant. ``level_at`` is when the verification vendor decided the level, not when we heard.

    ``level_untold``: the level has changed, and the notification of it is owed.

    ``bank_customer_id`` and what follows are set once the partner bank keeps an account for them; of its number, the
    last digits. ``card_payee_id`` is set once they were paid to a card.
    """

    tenant: str
    user_id: str
    issuer: str
    subject: str
    compliance_level: ComplianceLevel
    applicant_id: str | None
    level_at: datetime | None
    created_at: datetime
    version: int
    level_untold: bool = False
    bank_customer_id: str | None = None
    deposit_account_id: str | None = None
    deposit_account_mask: str | None = None
    card_payee_id: str | None = None

    @property
    def stored_id(self) -> str:
        """The id under which the user is stored."""
        return stored_id(self.tenant, self.user_id)

    @property
    def reference(self) -> str:
        """The name by which vendors know the user: safe in a URL path, and another one in every tenant."""
        return reference_of(self.tenant, self.user_id)


def reference_of(tenant: str, user_id: str) -> str:
    """The name by which vendors know that user."""
    return f"{tenant}.{user_id}"


def stored_id_of(reference: str) -> str | None:
    """The stored id of the user whom vendors know by that reference; None if it is not shaped like one."""
    tenant, _, user_id = reference.partition(".")
    return stored_id(tenant, user_id) if is_book(tenant) and is_public_id(user_id, "usr") else None
