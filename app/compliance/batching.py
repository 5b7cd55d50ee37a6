"""Batches of transfers in the audit trail: who asked for how many, and why, before the first of them is judged.

One entry stands for the batch, because a thousand would wait for one another; the items are told by the books, whose
ids come from the same caller and key. Above the limit on what a batch moves altogether, two operators must send the
same one.
"""

import hashlib
import json
from collections.abc import Sequence

from app.compliance.proposals import Matter, Proposal, Proposals
from app.compliance.trail import Deed, Trail
from app.errors import WalletError
from app.ids import derived_id
from app.ledger.acts import Answerable
from app.wallets.batches import Batches, BatchItem, ItemVerdict, totals


class RecordedBatches:
    """Posts batches that somebody answers for."""

    def __init__(self, batches: Batches, trail: Trail, proposals: Proposals) -> None:
        self._batches = batches
        self._trail = trail
        self._proposals = proposals

    async def post(
        self, book: str, answerable: Answerable, items: Sequence[BatchItem | WalletError], *, atomic: bool
    ) -> list[ItemVerdict] | Proposal:
        """A verdict on each item, in order; atomic, all or none; or the proposal that another one must agree to.

        The same key again is the same batch. Raises what ``Proposals.ask`` lists; when atomic, the refusal of the first
        item that has one; Overloaded.
        """
        asked = {"items": len(items), "atomic": atomic}
        moved = totals(items)
        if self._proposals.are_needed(moved):
            matter = Matter("transfers.batch", derived_id("bat", book, _content(items)), moved, asked)
            proposal = await self._proposals.ask(book, matter, answerable)
            if proposal is not None:
                return proposal
        subject = derived_id("bat", book, answerable.by, answerable.key)
        deed = Deed.of(answerable, "transfers.batch", subject).changing({}, asked)
        await self._trail.record(book, deed)
        post = self._batches.post_all if atomic else self._batches.post_each
        return await post(book, answerable.by, answerable.key, items)


def _content(items: Sequence[BatchItem | WalletError]) -> str:
    """A digest of what is to move: the same batch, whoever sends it."""
    told = [
        [each.source_account_id, each.destination_account_id, str(each.amount), each.amount.asset.code, each.metadata]
        for each in items
        if isinstance(each, BatchItem)
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
