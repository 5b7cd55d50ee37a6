"""How the ledger's nouns look in MongoDB, both ways. Pure; field names are the schema's."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.ids import book_of, derived_id
from app.ledger.accounts import Account, AccountStatus
from app.ledger.blocks import Block
from app.ledger.changes import Document
from app.ledger.transactions import Hold, Leg, MetadataValue, Side, Status, Transaction
from app.money import Money, asset
from app.plumbing.decimals import from_decimal128, to_decimal128

DIVERTED_LEG = "diverted-leg"


def account_document(account: Account) -> Document:
    """An account as stored."""
    floor = account.min_available
    return {
        "_id": account.id,
        "book": book_of(account.id),
        "user_id": account.user_id,
        "name": account.name,
        "role": account.role,
        "currency": account.asset.code,
        "limits": {"min_available": None if floor is None else to_decimal128(floor)},
        **moving_fields(account),
    }


def moving_fields(account: Account) -> Document:
    """What postings and acts change of an account; the rest is as it was opened.

    Setting these costs the server a quarter less than replacing the document, whose every index key it would compute.
    """
    return {
        "balance": to_decimal128(account.balance),
        "held": to_decimal128(account.held),
        "status": account.status.value,
        "seq": account.seq,
        "version": account.version,
        "last_transaction_id": account.last_transaction_id,
        "updated_at": account.updated_at,
    }


def account_from(document: Document) -> Account:
    """An account as read. Raises ValueError where a money field is damaged."""
    floor = document["limits"]["min_available"]
    return Account(
        id=document["_id"],
        asset=asset(document["currency"]),
        role=document["role"],
        user_id=document["user_id"],
        name=document["name"],
        min_available=None if floor is None else from_decimal128(floor),
        status=AccountStatus(document["status"]),
        balance=from_decimal128(document["balance"]),
        held=from_decimal128(document["held"]),
        seq=document["seq"],
        version=document["version"],
        last_transaction_id=document["last_transaction_id"],
        updated_at=document["updated_at"],
    )


def transaction_document(
    transaction: Transaction,
    legs: tuple[Leg, ...],
    position: dict[str, Any],
    at: datetime,
    seqs: Sequence[int] = (),
    customers: Iterable[str] = (),
) -> Document:
    """A transaction as stored: ``legs`` are where it landed, the fingerprint is of what was asked for.

    ``seqs`` are the numbers of its entries, one a leg; a pending transaction has none. ``customers`` are the customers'
    accounts in it: on each of them its metadata can be searched for.
    """
    source = next(leg for leg in legs if leg.side is Side.DEBIT)
    destination = next(leg for leg in legs if leg.side is Side.CREDIT)
    document: Document = {
        "_id": transaction.id,
        "book": transaction.book,
        "kind": transaction.kind,
        "status": transaction.status.value,
        "source_account_id": source.account_id,
        "dest_account_id": destination.account_id,
        "amount": to_decimal128(source.amount.minor),
        "currency": source.amount.asset.code,
        "legs": [_leg_document(leg) for leg in legs],
        "hold_ids": list(transaction.hold_ids),
        "closes_holds": transaction.closes_holds,
        "reverses": transaction.reverses,
        "saga_id": transaction.saga_id,
        "metadata": dict(transaction.metadata),
        "fingerprint": transaction.fingerprint,
        "position": position,
        "timestamp": at,
    }
    for leg, seq in zip(document["legs"], seqs, strict=False):
        leg["seq"] = seq
    if transaction.metadata:
        pairs = [(name, metadata_text(value)) for name, value in transaction.metadata.items()]
        document["tags"] = [tag(account_id, *pair) for account_id in customers for pair in pairs]
    if transaction.expires_at is not None:
        document["expires_at"] = transaction.expires_at
    return document


def tag(account_id: str, name: str, value: str) -> str:
    """What an account's transactions with that metadata have in common: short, and telling nothing to who reads it."""
    return derived_id("tag", account_id, name, value)


def metadata_text(value: MetadataValue) -> str:
    """A value of metadata as a query writes it."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def transaction_from(document: Document) -> Transaction:
    """A transaction as read, with the legs where it landed."""
    return Transaction(
        id=document["_id"],
        kind=document["kind"],
        legs=tuple(leg_from(leg) for leg in document["legs"]),
        status=Status(document["status"]),
        hold_ids=tuple(document["hold_ids"]),
        closes_holds=document["closes_holds"],
        reverses=document["reverses"],
        saga_id=document["saga_id"],
        metadata=document["metadata"],
        expires_at=document.get("expires_at"),
    )


def leg_from(document: Document) -> Leg:
    """A leg as read."""
    amount = Money(from_decimal128(document["amount"]), asset(document["currency"]))
    return Leg(document["account_id"], Side(document["side"]), amount)


def _leg_document(leg: Leg) -> Document:
    return {
        "account_id": leg.account_id,
        "side": leg.side.value,
        "amount": to_decimal128(leg.amount.minor),
        "currency": leg.amount.asset.code,
    }


def entry_id(account_id: str, seq: int) -> str:
    """An entry's id: its account and its number there, so that ids sort as the entries happened."""
    return f"{account_id}#{seq:012d}"


def entry_document(transaction_id: str, leg: Leg, account: Account, at: datetime) -> Document:
    """One posted leg; ``account`` is the account as this leg leaves it."""
    return {
        "_id": entry_id(account.id, account.seq),
        "transaction_id": transaction_id,
        "account_id": account.id,
        "direction": leg.side.value,
        "amount_snapshot": to_decimal128(leg.amount.minor),
        "seq": account.seq,
        "balance_after": to_decimal128(account.balance),
        "timestamp": at,
    }


def hold_document(hold: Hold) -> Document:
    """A hold as stored."""
    return {
        "_id": hold.id,
        "account_id": hold.account_id,
        "remaining": to_decimal128(hold.remaining),
        "version": hold.version,
        "expires_at": hold.expires_at,
    }


def hold_from(document: Document) -> Hold:
    """A hold as read."""
    remaining = from_decimal128(document["remaining"])
    return Hold(document["_id"], document["account_id"], remaining, document["version"], document.get("expires_at"))


def block_document(block: Block) -> Document:
    """A block as stored."""
    return {
        "_id": block.id,
        "stream": block.stream,
        "n": block.number,
        "prev_hash": block.prev_hash,
        "root": block.root,
        "transaction_ids": list(block.transaction_ids),
        "at": block.at,
        "hash": block.hash,
        "token": block.token,
    }


def block_from(document: Document) -> Block:
    """A block as read; its hash is what its content says, which may not be what is stored."""
    return Block(
        stream=document["stream"],
        number=document["n"],
        prev_hash=document["prev_hash"],
        root=document["root"],
        transaction_ids=tuple(document["transaction_ids"]),
        at=document["at"],
        token=document["token"],
    )


def diversion_case(book: str, case_id: str, transaction_id: str, asked: Leg, landed: Leg, at: datetime) -> Document:
    """The case that opens when a fact lands elsewhere than asked."""
    return {
        "_id": case_id,
        "book": book,
        "kind": DIVERTED_LEG,
        "transaction_id": transaction_id,
        "account_id": asked.account_id,
        "landed_on": landed.account_id,
        "amount": to_decimal128(landed.amount.minor),
        "currency": landed.amount.asset.code,
        "status": "open",
        "opened_at": at,
        "version": 1,
    }
