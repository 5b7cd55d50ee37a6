"""Are the books what the transactions say? Everything is derived again and compared; each difference is named.

Passes over streams, in memory proportional to the accounts: the transactions give every account's balance, held
amount and the digest of its entries; then entries, holds and accounts are read and compared with that. The digest is
a sum, so it does not depend on order, and tells which account to look at.
"""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from app.errors import WalletError
from app.ids import base_id, public_id
from app.ledger.accounts import Account
from app.ledger.chain import ChainAudit
from app.ledger.changes import Document
from app.ledger.documents import DIVERTED_LEG, account_from, entry_id, hold_from, transaction_from
from app.ledger.transactions import Hold, Leg, Side, Status, Transaction
from app.plumbing.decimals import from_decimal128

TRANSIT_ROLES = ("pending", "in_doubt", "clearing", "delivery")
"""Roles of accounts that a finished saga leaves at zero: the word before the first dot."""

_DAMAGE = (WalletError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a document raises that nobody of ours wrote."""

_DIGEST_MODULUS = 1 << 128


@dataclass(slots=True)
class _Derived:
    """One account, as its transactions alone make it."""

    balance: int = 0
    held: int = 0
    entries: int = 0
    digest: int = 0


@dataclass(slots=True)
class Audit:
    """What was counted, and every break that was found."""

    transactions: int = 0
    entries: int = 0
    currencies: set[str] = field(default_factory=set)
    breaks: list[str] = field(default_factory=list)
    chain: ChainAudit = field(default_factory=ChainAudit)
    transit: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """Per saga, what it left on each transit account."""
    _diverted: set[str] = field(default_factory=set)
    _accounts: dict[str, _Derived] = field(default_factory=lambda: defaultdict(_Derived))
    _holds: dict[str, tuple[str, int]] = field(default_factory=dict)
    _draws: dict[str, list[Leg]] = field(default_factory=lambda: defaultdict(list))
    _closed_holds: set[str] = field(default_factory=set)
    _last_entry: dict[str, tuple[int, str]] = field(default_factory=dict)

    def line(self) -> str:
        """The audit in one quiet line."""
        return (
            f"{self.transactions:,} transactions, {self.entries:,} entries, "
            f"{len(self.currencies)} assets, {len(self.breaks)} breaks, "
            f"chain {'broken' if self.chain.breaks else 'intact'}"
        )

    async def read_cases(self, documents: AsyncIterable[Document]) -> None:
        """Note which transactions landed elsewhere than asked: their fingerprint is of what was asked."""
        async for document in documents:
            if document.get("kind") == DIVERTED_LEG:
                self._diverted.add(document["transaction_id"])

    async def read_transactions(self, documents: AsyncIterable[Document]) -> None:
        """Derive everything from the transactions."""
        async for document in documents:
            self.transactions += 1
            try:
                transaction = transaction_from(document)
                self._check_headline(transaction, document)
            except _DAMAGE as damage:
                self.breaks.append(f"transaction {public_id(document['_id'])} is damaged: {damage}")
                continue
            if transaction.status is Status.PENDING and not transaction.hold_ids:
                leg = transaction.first_debit
                self._holds[transaction.id] = (leg.account_id, leg.amount.minor)
            self._note_draws(transaction)
            if transaction.status is Status.POSTED:
                self._note_legs(transaction, document["timestamp"])

    async def read_entries(self, documents: AsyncIterable[Document]) -> None:
        """Check that entries, read in order of their ids, are dense, add up, and are those of the transactions."""
        account_id, seq, balance, digest = "", 0, 0, 0
        async for entry in documents:
            self.entries += 1
            if entry["account_id"] != account_id:
                self._check_entries(account_id, seq, digest)
                account_id, seq, balance, digest = entry["account_id"], 0, 0, 0
            seq += 1
            try:
                side, amount = Side(entry["direction"]), from_decimal128(entry["amount_snapshot"])
                balance_after = from_decimal128(entry["balance_after"])
            except _DAMAGE as damage:
                self.breaks.append(f"account {public_id(account_id)}: entry {seq} is damaged: {damage}")
                continue
            balance += amount if side is Side.CREDIT else -amount
            digest += _entry_digest(entry["transaction_id"], account_id, side, amount, entry["timestamp"])
            if entry["_id"] != entry_id(account_id, seq) or entry["seq"] != seq:
                self.breaks.append(f"account {public_id(account_id)}: entry {seq} is missing or misnumbered")
                seq = entry["seq"]
            if balance_after != balance:
                self.breaks.append(f"account {public_id(account_id)}: entry {seq} has a wrong balance_after")
                balance = balance_after
            self._last_entry[account_id] = (seq, entry["transaction_id"])
        self._check_entries(account_id, seq, digest)

    async def read_holds(self, documents: AsyncIterable[Document]) -> None:
        """Check what each hold still reserves, and derive what is held on each account."""
        stored: dict[str, Hold] = {}
        async for document in documents:
            try:
                stored[document["_id"]] = hold_from(document)
            except _DAMAGE as damage:
                self.breaks.append(f"hold {public_id(document['_id'])} is damaged: {damage}")
        for hold_id, (account_id, amount) in self._holds.items():
            drawn = sum(leg.amount.minor for leg in self._draws[hold_id] if leg.account_id == account_id)
            # Only a fact draws more than is left, and what it draws beyond is a debit like any other.
            remaining = 0 if hold_id in self._closed_holds else max(0, amount - drawn)
            self._accounts[account_id].held += remaining
            found = stored.pop(hold_id, None)
            if found is None or (found.account_id, found.remaining) != (account_id, remaining):
                self.breaks.append(f"hold {public_id(hold_id)}: {remaining} should remain on {public_id(account_id)}")
        self.breaks.extend(f"hold {public_id(hold_id)} has no transaction" for hold_id in stored)

    async def read_accounts(self, documents: AsyncIterable[Document]) -> None:
        """Check the snapshots, and that every currency sums to zero."""
        sums: defaultdict[str, int] = defaultdict(int)
        known: set[str] = set()
        async for document in documents:
            try:
                account = account_from(document)
            except _DAMAGE as damage:
                self.breaks.append(f"account {public_id(document['_id'])} is damaged: {damage}")
                continue
            known.add(account.id)
            sums[account.asset.code] += account.balance
            self.breaks.extend(self._account_breaks(account))
        self.breaks.extend(f"account {public_id(lost)} is missing" for lost in self._accounts.keys() - known)
        self.breaks.extend(f"{code} does not sum to zero: {total}" for code, total in sums.items() if total)

    def _check_headline(self, transaction: Transaction, document: Document) -> None:
        debit, credit = transaction.first_debit, transaction.first_credit
        told = (document["source_account_id"], document["dest_account_id"], document["currency"])
        if told != (debit.account_id, credit.account_id, debit.amount.asset.code) or (
            from_decimal128(document["amount"]) != debit.amount.minor
        ):
            self.breaks.append(f"transaction {public_id(transaction.id)}: its headline differs from its legs")
        if transaction.fingerprint != document["fingerprint"] and transaction.id not in self._diverted:
            self.breaks.append(f"transaction {public_id(transaction.id)}: its fingerprint is of other content")

    def _note_draws(self, transaction: Transaction) -> None:
        side = Side.CREDIT if transaction.status is Status.PENDING else Side.DEBIT
        for hold_id in transaction.hold_ids:
            self._draws[hold_id].extend(leg for leg in transaction.legs if leg.side is side)
            if transaction.closes_holds:
                self._closed_holds.add(hold_id)

    def _note_legs(self, transaction: Transaction, at: datetime) -> None:
        for leg in transaction.legs:
            self.currencies.add(leg.amount.asset.code)
            derived = self._accounts[leg.account_id]
            derived.balance += leg.delta
            derived.entries += 1
            derived.digest += _entry_digest(transaction.id, leg.account_id, leg.side, leg.amount.minor, at)
            if transaction.saga_id and is_transit(leg.account_id):
                self.transit[transaction.saga_id][base_id(leg.account_id)] += leg.delta

    def _check_entries(self, account_id: str, seq: int, digest: int) -> None:
        if not account_id:
            return
        derived = self._accounts[account_id]
        if (derived.entries, derived.digest % _DIGEST_MODULUS) != (seq, digest % _DIGEST_MODULUS):
            self.breaks.append(f"account {public_id(account_id)}: its entries are not those of its transactions")

    def _account_breaks(self, account: Account) -> Iterator[str]:
        derived = self._accounts[account.id]
        seq, last = self._last_entry.get(account.id, (0, None))
        for name, stored, expected in (
            ("balance", account.balance, derived.balance),
            ("held", account.held, derived.held),
            ("seq", account.seq, derived.entries),
            ("number of entries", seq, derived.entries),
            ("last_transaction_id", account.last_transaction_id, last),
        ):
            if stored != expected:
                yield f"account {public_id(account.id)}: {name} is {stored}, its transactions say {expected}"


def is_transit(account_id: str) -> bool:
    """Whether the account is one that a finished saga leaves at zero."""
    role = public_id(account_id).removeprefix("acc_").partition("-")[0]
    return role.partition(".")[0] in TRANSIT_ROLES


def _entry_digest(transaction_id: str, account_id: str, side: Side, amount: int, at: datetime) -> int:
    text = f"{transaction_id}|{account_id}|{side}|{amount}|{at}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
