"""Batches of transfers in the audit trail: who asked for how many, and why, before the first of them is judged.

One entry stands for the batch, because a thousand would wait for one another; the items are told by the books, whose
ids come from the same caller and key.
"""

from collections.abc import Sequence

from app.compliance.trail import AUDIT, Deed, Trail
from app.errors import StaleGuard, WalletError
from app.ids import derived_id
from app.ledger.acts import Answerable
from app.ledger.changes import Change
from app.wallets.batches import Batches, BatchItem, ItemVerdict


class RecordedBatches:
    """Posts batches that somebody answers for."""

    def __init__(self, batches: Batches, trail: Trail) -> None:
        self._batches = batches
        self._trail = trail

    async def post(
        self, book: str, answerable: Answerable, items: Sequence[BatchItem | WalletError], *, atomic: bool
    ) -> list[ItemVerdict]:
        """A verdict on each item, in order; atomic, all or none. The same key again is the same batch.

        Raises, when atomic, the refusal of the first item that has one; Overloaded.
        """
        subject = derived_id("bat", book, answerable.by, answerable.key)
        deed = Deed.of(answerable, "transfers.batch", subject).changing({}, {"items": len(items), "atomic": atomic})
        try:
            await self._trail.submit(Change(book), deed)
        except StaleGuard as stale:
            if stale.collection != AUDIT:
                raise  # else the batch has its entry, and is asked for again
        post = self._batches.post_all if atomic else self._batches.post_each
        return await post(book, answerable.by, answerable.key, items)
