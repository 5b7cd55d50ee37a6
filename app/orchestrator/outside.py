"""What an outside step may reach: the providers, the sealed tokens some of them need, and what the house has kept.

A review is noted on its user by whoever fetches it, because a permission must not outlive the verdict it rests on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.compliance.kyc import Reviews
from app.ledger.accounts import Account
from app.ledger.changes import Document
from app.ledger.transactions import Leg
from app.orchestrator.treasury_purse import Purse
from app.orchestrator.watches import WatchRecord
from app.plumbing.sealing import Sealer
from app.providers.registry import Providers
from app.wallets.bank_links import BankLinks


class Kept(Protocol):
    """What earlier commits have left behind. Whoever decides by it guards it in the commit that follows."""

    async def account(self, account_id: str) -> Account | None: ...

    async def legs(self, transaction_id: str) -> Sequence[Leg]:
        """The legs of the transaction of that stored id, where they landed; none where there is no such transaction."""
        ...

    async def saga_status(self, saga_id: str) -> str | None: ...

    async def compliance_level(self, user_id: str) -> str:
        """How far the verification of the user of that stored id stands."""
        ...

    async def card_payee(self, user_id: str) -> str | None:
        """The payee that the card processor knows the user of that stored id by."""
        ...

    async def case(self, case_id: str) -> Document | None:
        """The case of that stored id."""
        ...

    async def watch(self, watch_id: str) -> WatchRecord | None: ...

    async def is_watched(self, ref: str) -> bool:
        """Whether a saga has left a watch on that object."""
        ...

    async def numbering(self, address_id: str, mined: int) -> tuple[Document | None, Document | None]:
        """How far a treasury address has counted, and the lowest nonce from ``mined`` on that was given back to it."""
        ...

    async def named_beside(self, ref: str) -> Sequence[str]:
        """What vendors' events about that object name with it: where to look, and no more than that."""
        ...

    async def inputs_in_use(self, chain: str) -> list[Document]:
        """The treasury's inputs on that chain that sends have taken, and not spent for good."""
        ...

    async def inputs(self, chain: str, refs: Sequence[str]) -> dict[str, Document]:
        """What is known of those inputs of the treasury, by their names on the chain."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """The way out of the house."""

    providers: Providers
    bank_links: BankLinks
    kept: Kept
    reviews: Reviews
    sealer: Sealer
    purse: Purse = field(default_factory=Purse)
