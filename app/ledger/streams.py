"""Streams: the order in which one committer's batches become true.

A committer owns a leased stream per book. Every batch writes the stream's next block, whose id only one batch can ever
have, so two owners can never both go on: whoever finds the next number taken by another reads the stream again, and
lets it go if its epoch has been raised meanwhile.
Slots are few and used again, so the chains of blocks are few and long, and a system account has one stripe per slot.
"""

from app.ledger.blocks import GENESIS, Block
from app.values import dataclass, replace

LEASE_S = 10
"""How long a stream stays its owner's without a sign of life."""

SLOTS_MAX = 64
"""How many lanes may work on one book at once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as its owner last left it."""

    id: str
    epoch: int
    number: int = 0
    hash: str = GENESIS

    @property
    def slot(self) -> str:
        """Its name within the book."""
        return self.id.partition("/")[2]

    def after(self, block: Block) -> "Stream":
        """The stream once that block is true."""
        return replace(self, number=block.number, hash=block.hash)


def slot_name(number: int) -> str:
    """The name of a slot."""
    return f"str_{number}"
