"""What the books know of the customers whose accounts they keep: whether they are frozen, and their level of limits.

Whoever opens an account writes its owner, and so does whoever freezes them: of the two, one sees what the other did.
Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import UserFrozen
from app.ids import book_of, stored_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.ledger.changes import ABSENT, Companion, Document
from app.ledger.limits import STANDARD
from app.values import replace

OWNERS = "owners"


@dataclass(frozen=True, slots=True)
class Owner:
    """A customer. ``froze``: the stored ids of the accounts that were frozen because their owner was.

    ``version`` 0: nothing was ever written, so they are as everybody is.
    """

    id: str
    frozen: bool = False
    level: str = STANDARD
    froze: tuple[str, ...] = field(default=())
    version: int = 0

    @classmethod
    def of(cls, owner_id: str, document: Mapping[str, Any] | None) -> "Owner":
        """As stored; without a document, as everybody is."""
        if document is None:
            return cls(owner_id)
        told = {name: document[name] for name in ("frozen", "level", "version")}
        return cls(owner_id, froze=tuple(document["froze"]), **told)

    def written(self, **changed: bool | str | tuple[str, ...]) -> Companion:
        """The companion that writes them, changed like that, if they are still as they were read."""
        told: Document = {"frozen": self.frozen, "level": self.level, "froze": self.froze, **changed}
        guard = {"version": self.version} if self.version else ABSENT
        return Companion(OWNERS, self.id, guard, {**told, "froze": list(told["froze"]), "version": self.version + 1})


def owner_of(account: Account) -> str | None:
    """The stored id of the customer whose account it is; None for what is no customer's."""
    if account.role != CUSTOMER or account.user_id is None:
        return None
    return stored_id(book_of(account.id), account.user_id)


def welcome(owner: Owner, account: Account, *, fact: bool) -> tuple[Account, Companion]:
    """The account as it is opened for that owner, and what is written of them.

    A fact opens an account even for a frozen customer, and it is frozen as they are. Raises UserFrozen.
    """
    if not owner.frozen:
        return account, owner.written()
    if not fact:
        raise UserFrozen
    return replace(account, status=AccountStatus.FROZEN), owner.written(froze=(*owner.froze, account.id))
