"""Blocks: one for every commit, chained by hash within its stream, with the Merkle root of its transactions. Pure.

A transaction's leaf is the hash of its whole stored content, so any later edit changes the root, and with it every
block that follows. Leaves and nodes are hashed apart (RFC 6962, section 2.1): a node can never pass for a leaf.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

import orjson

from app.clock import rfc3339
from app.ledger.changes import Document
from app.plumbing.decimals import from_decimal128
from app.values import dataclass

GENESIS = "0" * 64
"""What the first block of a stream has for its predecessor."""

_TOLD_AS_IT_IS = (
    "_id",
    "book",
    "kind",
    "status",
    "hold_ids",
    "closes_holds",
    "reverses",
    "saga_id",
    "metadata",
    "fingerprint",
    "position",
)

_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Block:
    """What one commit made true. ``token`` marks the attempt that wrote it, so that a lost answer can be found."""

    stream: str
    number: int
    prev_hash: str
    root: str
    transaction_ids: tuple[str, ...]
    at: datetime
    token: str

    @property
    def hash(self) -> str:
        """The block's own hash, which the next one carries."""
        count, at = len(self.transaction_ids), rfc3339(self.at)
        return header_hash(self.stream, self.number, self.prev_hash, self.root, count, at)

    @property
    def id(self) -> str:
        """Its id: the stream and its number there."""
        return block_id(self.stream, self.number)


def block_id(stream: str, number: int) -> str:
    """The id of a stream's block of that number, so that ids sort as blocks were written."""
    return f"{stream}#{number:012d}"


def header_hash(stream: str, number: int, prev_hash: str, root: str, count: int, at: str) -> str:
    """The hash of a block with that content."""
    header = [stream, number, prev_hash, root, count, at]
    return hashlib.sha256(json.dumps(header, separators=(",", ":")).encode()).hexdigest()


def canonical(transaction: Document) -> str:
    """A stored transaction as text: the same content always reads the same.

    What the document says twice (its first legs, as source, destination, amount and currency) stands here once.
    """
    content = {
        **{name: transaction[name] for name in _TOLD_AS_IT_IS},
        "legs": [
            [leg["account_id"], leg["side"], str(from_decimal128(leg["amount"])), leg["currency"], leg.get("seq")]
            for leg in transaction["legs"]
        ],
        "tags": transaction.get("tags"),
        "expires_at": _told(transaction.get("expires_at")),
        "timestamp": rfc3339(transaction["timestamp"]),
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def leaf(canonical_text: str) -> str:
    """The leaf of a transaction."""
    return hashlib.sha256(b"\x00" + canonical_text.encode()).hexdigest()


def merkle_root(leaves: Sequence[str]) -> str:
    """The root over the leaves; a lone node is carried up as it is."""
    level = list(leaves)
    if not level:
        return _EMPTY
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def merkle_path(leaves: Sequence[str], index: int) -> tuple[tuple[str, str], ...]:
    """The siblings that lead from a leaf to the root, each with the side it stands on (``left`` or ``right``)."""
    path: list[tuple[str, str]] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(("left" if sibling < index else "right", level[sibling]))
        level, index = _next_level(level), index // 2
    return tuple(path)


def root_along(leaf_hash: str, path: Sequence[Sequence[str]]) -> str:
    """The root that a leaf and its path lead to."""
    found = leaf_hash
    for side, sibling in path:
        found = _node(sibling, found) if side == "left" else _node(found, sibling)
    return found


def _next_level(level: Sequence[str]) -> list[str]:
    paired = [_node(level[index], level[index + 1]) for index in range(0, len(level) - 1, 2)]
    return [*paired, level[-1]] if len(level) % 2 else paired


def _node(left: str, right: str) -> str:
    return hashlib.sha256(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()
