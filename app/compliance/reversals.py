"""Taking transactions back, whole or in part; above the limit two operators must want the same."""

from app.compliance.proposals import Matter, Proposal, Proposals
from app.ids import book_of, public_id
from app.ledger.acts import Acts, Answerable
from app.ledger.changes import Document
from app.ledger.documents import transaction_from
from app.ledger.store import LedgerStore
from app.money import Money


class Reversals:
    """Reverses and refunds what somebody answers for."""

    def __init__(self, acts: Acts, ledger: LedgerStore, proposals: Proposals) -> None:
        self._acts = acts
        self._ledger = ledger
        self._proposals = proposals

    async def reverse(self, transaction_id: str, answerable: Answerable) -> Document | Proposal:
        """The reversal, or the proposal that another one must agree to.

        Raises what ``Proposals.ask`` and ``Acts.reverse`` list.
        """
        found = await self._ledger.transaction(transaction_id)
        mirrored = transaction_from(found).reversed().legs if found else ()
        matter = Matter("transaction.reverse", public_id(transaction_id), tuple(leg.amount for leg in mirrored))
        proposal = await self._proposals.ask(book_of(transaction_id), matter, answerable)
        return proposal or await self._acts.reverse(transaction_id, answerable)

    async def refund(self, transaction_id: str, amount: Money, answerable: Answerable) -> Document | Proposal:
        """The refund of that much, or the proposal that another one must agree to.

        Raises what ``Proposals.ask`` and ``Acts.refund`` list.
        """
        asked = {"amount": str(amount), "currency": amount.asset.code}
        amounts = (amount,) if await self._ledger.transaction(transaction_id) else ()
        matter = Matter("transaction.refund", public_id(transaction_id), amounts, asked)
        proposal = await self._proposals.ask(book_of(transaction_id), matter, answerable)
        return proposal or await self._acts.refund(transaction_id, amount, answerable)
