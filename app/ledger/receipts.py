"""Receipts: proof that a transaction is in the books, which anybody can check offline with the public key alone. Pure.

A receipt carries the transaction's content, the path from its leaf to its block's root, the block's header, and a
signature (Ed25519, RFC 8032) of the block's hash.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.clock import rfc3339
from app.ledger.blocks import Block, canonical, header_hash, leaf, merkle_path, root_along
from app.ledger.changes import Document
from app.plumbing.signing import Signer, is_signed

_VERSION = 1


class ReceiptInvalid(Exception):
    """The receipt does not prove what it says; the message names the first step that fails."""


def receipt(block: Block, transactions: Sequence[Document], transaction_id: str, signer: Signer) -> dict[str, Any]:
    """The receipt of one of a block's transactions; ``transactions`` are all of the block's, in its order."""
    contents = [canonical(transaction) for transaction in transactions]
    index = block.transaction_ids.index(transaction_id)
    return {
        "version": _VERSION,
        "content": contents[index],
        "path": [list(step) for step in merkle_path([leaf(content) for content in contents], index)],
        "block": {
            "stream": block.stream,
            "n": block.number,
            "prev_hash": block.prev_hash,
            "root": block.root,
            "count": len(block.transaction_ids),
            "at": rfc3339(block.at),
            "hash": block.hash,
        },
        "signature": signer.sign(block.hash),
        "key_id": signer.key_id,
    }


def check(given: Mapping[str, Any], public_key: str) -> str:
    """The content that the receipt proves. Raises ReceiptInvalid."""
    try:
        header = given["block"]
        parts = [header[name] for name in ("stream", "n", "prev_hash", "root", "count", "at")]
        content, path = str(given["content"]), [list(step) for step in given["path"]]
        signature, told_hash = str(given["signature"]), str(header["hash"])
        found_root, found_hash = root_along(leaf(content), path), header_hash(*parts)
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptInvalid("it is not a receipt") from error
    if found_root != header["root"]:
        raise ReceiptInvalid("the content does not lead to the block's root")
    if found_hash != told_hash:
        raise ReceiptInvalid("the block's header does not have its hash")
    if not is_signed(told_hash, signature, public_key):
        raise ReceiptInvalid("the signature is not of this key")
    return content
