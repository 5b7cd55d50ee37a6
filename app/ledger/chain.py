"""Is the chain of blocks whole, and does it hold every transaction? Pure; what is read is handed in.

Any edit of a stored transaction changes its leaf, so its block's root; any edit of a block changes its hash, so the
next block's predecessor, up to the head. Whoever rewrites all of a stream is found by a head that was kept outside.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from app.ids import public_id
from app.ledger.blocks import GENESIS, Block, canonical, leaf, merkle_root
from app.ledger.changes import Document
from app.ledger.documents import block_from

Fetch = Callable[[list[str]], Awaitable[dict[str, Document]]]
"""Transactions by id."""


@dataclass(slots=True)
class ChainAudit:
    """What was read of the blocks, and every break that was found."""

    transactions: int = 0
    breaks: list[str] = field(default_factory=list)
    heads: dict[str, Block] = field(default_factory=dict)
    """The last block of every stream."""

    async def read(self, documents: AsyncIterable[Document], fetch: Fetch, anchors: Mapping[str, str]) -> None:
        """Check blocks in order of their ids; ``anchors`` are hashes by block id that were kept outside."""
        left = dict(anchors)
        async for document in documents:
            try:
                block = block_from(document)
            except (KeyError, TypeError, AttributeError) as damage:
                self.breaks.append(f"block {document['_id']} is damaged: {damage}")
                continue
            self._check_place(block, document)
            await self._check_root(block, fetch)
            if left.pop(block.id, block.hash) != block.hash:
                self.breaks.append(f"block {block.id} is not the one that was anchored")
            self.heads[block.stream] = block
        self.breaks.extend(f"block {lost} was anchored and is missing" for lost in sorted(left))

    def check_heads(self, streams: list[Document]) -> None:
        """Every stream's head stands at its last block."""
        for stream in streams:
            last = self.heads.get(stream["_id"])
            expected = (last.number, last.hash) if last else (0, GENESIS)
            if (stream["n"], stream["hash"]) != expected:
                self.breaks.append(f"stream {stream['_id']} stands at {stream['n']}, its blocks end at {expected[0]}")
        for lost in self.heads.keys() - {stream["_id"] for stream in streams}:
            self.breaks.append(f"stream {lost} has blocks and no head")

    def check_count(self, transactions: int) -> None:
        """No transaction stands outside the blocks."""
        if transactions != self.transactions:
            self.breaks.append(f"{transactions} transactions are stored, the blocks hold {self.transactions}")

    def _check_place(self, block: Block, document: Document) -> None:
        last = self.heads.get(block.stream)
        number, prev_hash = (last.number + 1, last.hash) if last else (1, GENESIS)
        if document["_id"] != block.id or block.number != number:
            self.breaks.append(f"block {document['_id']}: number {number} should stand here")
        elif block.prev_hash != prev_hash:
            self.breaks.append(f"block {block.id} does not follow the block before it")
        if document["hash"] != block.hash:
            self.breaks.append(f"block {block.id} has been edited: its hash is another")

    async def _check_root(self, block: Block, fetch: Fetch) -> None:
        found = await fetch(list(block.transaction_ids))
        self.transactions += len(block.transaction_ids)
        missing = [each for each in block.transaction_ids if each not in found]
        if missing:
            self.breaks.extend(f"transaction {public_id(each)} of block {block.id} is missing" for each in missing)
            return
        try:
            root = merkle_root([leaf(canonical(found[each])) for each in block.transaction_ids])
        except (KeyError, TypeError, ValueError, AttributeError):
            root = "damaged"
        if root != block.root:
            self.breaks.append(f"block {block.id}: a transaction in it has been edited")
