"""What outside steps may read of the house itself, out of the stores that keep it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.compliance.case_store import CaseStore
from app.identity.store import Users
from app.inbox.store import InboxStore
from app.ledger.accounts import Account
from app.ledger.changes import Document
from app.ledger.documents import transaction_from
from app.ledger.store import LedgerStore
from app.ledger.transactions import Leg
from app.orchestrator.store import SagaStore
from app.orchestrator.treasury_store import TreasuryStore
from app.orchestrator.watch_store import WatchStore
from app.orchestrator.watches import WatchRecord


@dataclass(frozen=True, slots=True)
class Keeping:
    """Satisfies ``Kept``."""

    ledger: LedgerStore
    sagas: SagaStore
    watches: WatchStore
    treasury: TreasuryStore
    users: Users
    cases: CaseStore
    inbox: InboxStore

    async def account(self, account_id: str) -> Account | None:
        """The account as it is."""
        return await self.ledger.account(account_id)

    async def legs(self, transaction_id: str) -> Sequence[Leg]:
        """Where the transaction landed."""
        found = await self.ledger.transaction(transaction_id)
        return transaction_from(found).legs if found else ()

    async def saga_status(self, saga_id: str) -> str | None:
        """What callers are told of that saga."""
        saga = await self.sagas.saga(saga_id)
        return saga.status if saga else None

    async def compliance_level(self, user_id: str) -> str:
        """How far the verification of the user of that stored id stands; one that nobody knows has none."""
        user = await self.users.reads.get(user_id)
        return user.compliance_level if user else "none"

    async def card_payee(self, user_id: str) -> str | None:
        """The payee that the card processor knows the user of that stored id by."""
        user = await self.users.by_id(user_id)
        return user.card_payee_id if user else None

    async def case(self, case_id: str) -> Document | None:
        """The case as it is."""
        return await self.cases.case(case_id)

    async def watch(self, watch_id: str) -> WatchRecord | None:
        """The watch as it is."""
        return await self.watches.watch(watch_id)

    async def is_watched(self, ref: str) -> bool:
        """Whether anybody watches it, or did."""
        return bool(await self.watches.watches_about([ref]))

    async def numbering(self, address_id: str, mined: int) -> tuple[Document | None, Document | None]:
        """How far a treasury address has counted, and the lowest nonce that was given back to it."""
        return await self.treasury.numbering(address_id, mined)

    async def named_beside(self, ref: str) -> Sequence[str]:
        """What vendors' events about that object name with it."""
        return (await self.inbox.named_together([ref]))[ref]

    async def inputs_in_use(self, chain: str) -> list[Document]:
        """The treasury's inputs on that chain that sends have taken, and not spent for good."""
        return await self.treasury.inputs_in_use(chain)

    async def inputs(self, chain: str, refs: Sequence[str]) -> dict[str, Document]:
        """What is known of those inputs of the treasury, by their names on the chain."""
        return await self.treasury.inputs(chain, refs)
