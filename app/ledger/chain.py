"""Is the chain of blocks whole, and does it hold every transaction? Pure; what is read is handed in.

Any edit of a stored transaction changes its leaf, so its block's root; any edit of a block changes its hash, so the
next block's predecessor, up to the head. Whoever rewrites all of a stream is found by a head that was kept outside.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from app.ids import public_id
from app.ledger.blocks import GENESIS, Block, block_id, canonical, leaf, merkle_root
from app.ledger.changes import Document
from app.ledger.documents import block_from

Fetch = Callable[[list[str]], Awaitable[dict[str, Document]]]
"""Transactions by id."""

_BLOCKS_AT_ONCE = 64


@dataclass(slots=True)
class ChainAudit:
    """What was read of the blocks, and every break that was found."""

    transactions: int = 0
    breaks: list[str] = field(default_factory=list)
    heads: dict[str, Block] = field(default_factory=dict)
    """The last block of every stream."""
    hashes: dict[str, str] = field(default_factory=dict)
    """The hashes of the blocks that were noted outside the chain, by id."""

    async def read(
        self, documents: AsyncIterable[Document], fetch: Fetch, streams: list[Document], anchors: Mapping[str, str]
    ) -> None:
        """Check blocks in order of their ids; ``anchors`` are hashes by block id that were kept outside."""
        left = dict(anchors)
        noted = {block_id(stream["_id"], stream["n"]) for stream in streams}
        async for run in _runs(documents):
            parsed = [_parsed(document) for document in run]
            sound = [block for block in parsed if isinstance(block, Block)]
            found = await fetch([each for block in sound for each in block.transaction_ids])
            for document, block in zip(run, parsed, strict=True):
                if isinstance(block, str):
                    self.breaks.append(f"block {document['_id']} is damaged: {block}")
                    continue
                self._check_place(block, document)
                self._check_root(block, found)
                if left.pop(block.id, block.hash) != block.hash:
                    self.breaks.append(f"block {block.id} is not the one that was anchored")
                self.heads[block.stream] = block
                if block.id in noted:
                    self.hashes[block.id] = block.hash
        self.check_heads(streams)
        self.breaks.extend(f"block {lost} was anchored and is missing" for lost in sorted(left))

    def check_heads(self, streams: list[Document]) -> None:
        """Every stream has reached at least the block that its owner last noted, and that block is still the same."""
        for stream in streams:
            noted = (stream["n"], stream["hash"])
            if noted != (0, GENESIS) and self.hashes.get(block_id(stream["_id"], noted[0])) != noted[1]:
                self.breaks.append(f"stream {stream['_id']} had reached block {noted[0]}, which is not there any more")
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

    def _check_root(self, block: Block, found: Mapping[str, Document]) -> None:
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


async def _runs(documents: AsyncIterable[Document]) -> AsyncIterator[list[Document]]:
    """So many at once, because most blocks hold one transaction and each look for some is a round trip."""
    run: list[Document] = []
    async for document in documents:
        run.append(document)
        if len(run) == _BLOCKS_AT_ONCE:
            yield run
            run = []
    if run:
        yield run


def _parsed(document: Document) -> Block | str:
    """The block, or what is wrong with it."""
    try:
        return block_from(document)
    except (KeyError, TypeError, AttributeError) as damage:
        return str(damage)
