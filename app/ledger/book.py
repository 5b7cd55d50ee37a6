"""The rules. Changes are judged in order against the loaded state; later ones see what earlier ones did.

Pure: no I/O, no clock. A refused change leaves no trace: it works on an overlay that is dropped whole.

A change meets these refusals in this order: IdempotencyKeyReused, StaleGuard, AccountNotFound or StaleVersion (its
``versions``), UserFrozen (what it opens), what ``standing.py`` lists for its acts on accounts, then for each of its
transactions AccountNotFound or DestinationNotFound, CurrencyMismatch, SameAccount, AccountClosed, AccountFrozen,
HoldUnavailable, HoldExpired, Missing (what it takes back), AlreadyReversed, AlreadyRefunded, RefundExceedsRemainder,
InsufficientFunds, AmountOutOfBounds, and last LimitExceeded.

Facts skip those that concern money or standing, see ``diversion.py``. What a fact draws on a hold beyond what it still
reserves (all of it, where the hold is used up) is judged like any other debit of a fact: from what is available, then
from the owner's receivable. A closed account has no hold that reserves anything, so such a fact lands in suspense.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.errors import (
    AccountNotFound,
    DestinationNotFound,
    HoldExpired,
    HoldUnavailable,
    IdempotencyKeyReused,
    InsufficientFunds,
    Missing,
    StaleGuard,
    StaleVersion,
    WalletError,
)
from app.ids import derived_id, public_id, stored_id
from app.ledger import checks
from app.ledger.accounts import Account
from app.ledger.blocks import Block, canonical, leaf, merkle_root
from app.ledger.changes import ABSENT, ANYBODY, Change, Companion, Document, Duplicate, Posted
from app.ledger.diversion import divert
from app.ledger.documents import diversion_case, entry_document, transaction_document
from app.ledger.limits import LIMIT_WINDOWS, Spending, spend
from app.ledger.owners import OWNERS, Owner, owner_of, welcome
from app.ledger.remainders import REMAINDERS, take_back
from app.ledger.standing import StandingChange, require_legal
from app.ledger.streams import Stream
from app.ledger.transactions import Hold, Leg, Side, Status, Transaction
from app.money import Money
from app.values import replace

Verdict = Posted | Duplicate | WalletError


@dataclass(slots=True)
class State:
    """What a batch was loaded with; absent documents are absent keys.

    ``assumed`` says that only money was looked at: accounts may be remembered, ids are taken to be new and guards to
    hold. Writing proves it or fails; see ``recent.py``.
    """

    assumed: bool = False
    accounts: dict[str, Account] = field(default_factory=dict)
    transactions: dict[str, Document] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    companions: dict[tuple[str, str], Document] = field(default_factory=dict)


@dataclass(slots=True)
class _Overlay:
    """What one change would do, until it is accepted or dropped. ``fact``: whether what is applied now is one."""

    fact: bool
    accounts: dict[str, Account] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    transactions: list[Document] = field(default_factory=list)
    entries: list[Document] = field(default_factory=list)
    cases: list[Document] = field(default_factory=list)
    companions: list[Companion] = field(default_factory=list)


class Book:
    """The state of one batch: what was loaded, and what the accepted changes made of it."""

    def __init__(self, loaded: State, stream: Stream, *, at: datetime) -> None:
        self._loaded = loaded
        self._stream = stream
        self._at = at
        self._accounts = dict(loaded.accounts)
        self._holds = dict(loaded.holds)
        self._documents = dict(loaded.companions)
        self._known = dict(loaded.transactions)
        self.transactions: list[Document] = []
        self.entries: list[Document] = []
        self.cases: list[Document] = []
        self._companions: dict[tuple[str, str], Companion] = {}

    def judge(self, change: Change) -> Verdict:
        """The verdict on one change; accepted, it is part of what the batch will write."""
        try:
            duplicate = self._find_duplicate(change)
            if duplicate is not None:
                return duplicate
            overlay = _Overlay(change.fact)
            self._apply_companions(change.companions, overlay)
            self._require_versions(change)
            for account in change.openings:
                self._open(account, overlay)
            for standing in change.standings:
                self._stand(standing, overlay)
            facts = change.facts
            for number, transaction in enumerate(change.transactions):
                overlay.fact = number < facts
                self._apply_or_blame(transaction, change, overlay)
            for spending in change.spendings:
                self._spend(spending, change.book, overlay)
        except WalletError as refusal:
            return refusal
        self._accept(overlay)
        return Posted(tuple(overlay.transactions), overlay.accounts)

    @property
    def changed_accounts(self) -> Iterator[tuple[Account | None, Account]]:
        """Each account that changed, as loaded (None: opened here) and as it is now."""
        for account_id, account in self._accounts.items():
            before = self._loaded.accounts.get(account_id)
            if before is not account:
                yield before, account

    @property
    def changed_holds(self) -> Iterator[tuple[Hold | None, Hold]]:
        """Each hold that changed, as loaded (None: placed here) and as it is now."""
        for hold_id, hold in self._holds.items():
            before = self._loaded.holds.get(hold_id)
            if before is not hold:
                yield before, hold

    @property
    def companions(self) -> Iterable[Companion]:
        """Each companion to write: the guard of its first writer, the document of its last."""
        return self._companions.values()

    def block(self, token: str) -> Block:
        """The block that seals what was accepted, next in the stream."""
        return Block(
            stream=self._stream.id,
            number=self._stream.number + 1,
            prev_hash=self._stream.hash,
            root=merkle_root([leaf(canonical(transaction)) for transaction in self.transactions]),
            transaction_ids=tuple(transaction["_id"] for transaction in self.transactions),
            at=self._at,
            token=token,
        )

    # Identity, then guards.

    def _find_duplicate(self, change: Change) -> Duplicate | None:
        if len({transaction.id for transaction in change.transactions}) < len(change.transactions):
            raise IdempotencyKeyReused("transactions")
        known = [self._known.get(transaction.id) for transaction in change.transactions]
        found = [document for document in known if document is not None]
        if not found:
            return None
        for transaction, document in zip(change.transactions, known, strict=True):
            if document is None or document["fingerprint"] != transaction.fingerprint:
                reused = IdempotencyKeyReused(checks.first_difference(transaction, document))
                reused.transaction_id = transaction.id
                raise reused
        return Duplicate(tuple(found))

    def _apply_companions(self, companions: Iterable[Companion], overlay: _Overlay) -> None:
        for companion in companions:
            current = self._documents.get((companion.collection, companion.id))
            if current is None and self._loaded.assumed:
                current = dict(companion.guard) or None
            if not checks.guard_holds(companion.guard, current):
                raise StaleGuard(companion.collection, companion.id)
            overlay.companions.append(companion)

    def _require_versions(self, change: Change) -> None:
        """A payer is told the version of no account but their own."""
        for account_id, version in change.versions.items():
            account = self._accounts.get(account_id)
            if account is None or change.payer not in {None, ANYBODY, account.user_id}:
                raise AccountNotFound
            if account.version != version:
                raise StaleVersion(public_id(account_id), lock_version=version, version=account.version)

    def _document(self, collection: str, document_id: str, overlay: _Overlay) -> Document | None:
        """A companion as it is now, this change's own writes included."""
        for companion in reversed(overlay.companions):
            if (companion.collection, companion.id) == (collection, document_id):
                return companion.document
        return self._documents.get((collection, document_id))

    # Standing and limits.

    def _stand(self, standing: StandingChange, overlay: _Overlay) -> None:
        account = overlay.accounts.get(standing.account_id) or self._accounts.get(standing.account_id)
        status = require_legal(standing.act, account)
        if account is not None:
            overlay.accounts[account.id] = self._moved(account, status=status)

    def _spend(self, spending: Spending, book: str, overlay: _Overlay) -> None:
        window_id = spending.window_id(book)
        used = self._document(LIMIT_WINDOWS, window_id, overlay)
        if used is None and self._loaded.assumed:
            raise StaleGuard(LIMIT_WINDOWS, window_id)  # what was used is never assumed
        guard = ABSENT if used is None else {"version": used["version"]}
        owner_id = spending.owner_id(book)
        level = Owner.of(owner_id, self._document(OWNERS, owner_id, overlay)).level
        overlay.companions.append(Companion(LIMIT_WINDOWS, window_id, guard, spend(spending, used, self._at, level)))

    def _born(self, account: Account, overlay: _Overlay) -> Account:
        empty = replace(account, balance=0, held=0, seq=0, last_transaction_id=None, version=1, updated_at=self._at)
        owner_id = owner_of(account)
        if owner_id is None:
            return empty
        owner = Owner.of(owner_id, self._document(OWNERS, owner_id, overlay))
        if not owner.version and self._loaded.assumed:
            raise StaleGuard(OWNERS, owner_id)  # whether somebody is frozen is never assumed
        born, written = welcome(owner, empty, fact=overlay.fact)
        overlay.companions.append(written)
        return born

    # Money.

    def _apply_or_blame(self, transaction: Transaction, change: Change, overlay: _Overlay) -> None:
        """Apply it; a refusal says which of a change's transactions it is about."""
        try:
            self._apply(transaction, change, overlay)
        except WalletError as refusal:
            refusal.transaction_id = transaction.id
            raise

    def _open(self, account: Account, overlay: _Overlay) -> Account:
        present = overlay.accounts.get(account.id) or self._accounts.get(account.id)
        if present is None:
            present = overlay.accounts[account.id] = self._born(account, overlay)
        return present

    def _account(self, leg: Leg, overlay: _Overlay) -> Account:
        account = overlay.accounts.get(leg.account_id) or self._accounts.get(leg.account_id)
        if account is None and leg.opening is not None:
            account = self._open(leg.opening, overlay)
        if account is None:
            raise AccountNotFound if leg.side is Side.DEBIT else DestinationNotFound
        return account

    def _apply(self, transaction: Transaction, change: Change, overlay: _Overlay) -> None:
        accounts = {leg.account_id: self._account(leg, overlay) for leg in transaction.legs}
        checks.require_customers(transaction, accounts, change.payer)
        checks.require_currencies(transaction, accounts)
        checks.require_two_accounts(transaction)
        if not overlay.fact:
            checks.require_open(accounts[leg.account_id] for leg in transaction.moving_legs)
        freed = self._draw_on_holds(transaction, overlay)
        if transaction.reverses is not None:
            self._take_back(transaction, transaction.reverses, overlay)
        legs = transaction.legs
        seqs: tuple[int, ...] = ()
        if overlay.fact and transaction.status is Status.POSTED:
            legs = self._divert(transaction, accounts, freed, overlay)
        if transaction.status is Status.POSTED:
            seqs = self._post(transaction, legs, freed, overlay)
        elif not transaction.hold_ids:
            self._place_hold(transaction, overlay)
        else:
            self._free(freed, overlay)
        checks.require_bounds(overlay.accounts.values())
        position = {
            "stream": self._stream.slot,
            "n": self._stream.number + 1,
            "i": len(self.transactions) + len(overlay.transactions),
        }
        customers = checks.customers_among(legs, overlay.accounts) if transaction.metadata else ()
        overlay.transactions.append(transaction_document(transaction, legs, position, self._at, seqs, customers))

    def _divert(
        self, transaction: Transaction, accounts: Mapping[str, Account], freed: Mapping[str, int], overlay: _Overlay
    ) -> tuple[Leg, ...]:
        landed: list[Leg] = []
        left = {
            account_id: replace(account, held=account.held - freed.get(account_id, 0))
            for account_id, account in accounts.items()
        }
        for number, leg in enumerate(transaction.legs):
            account = left[leg.account_id]
            for part in divert(leg, account, transaction.book):
                landed.append(part)
                if part.account_id == leg.account_id:
                    left[leg.account_id] = replace(account, balance=account.balance + part.delta)
                    continue
                case_id = stored_id(transaction.book, derived_id("cas", transaction.id, str(number)))
                overlay.cases.append(diversion_case(transaction.book, case_id, transaction.id, leg, part, self._at))
        return tuple(landed)

    def _post(
        self, transaction: Transaction, legs: Iterable[Leg], freed: Mapping[str, int], overlay: _Overlay
    ) -> tuple[int, ...]:
        """Move the balances; the numbers of the entries, one a leg."""
        debited: set[str] = set()
        seqs: list[int] = []
        for leg in legs:
            account = self._account(leg, overlay)
            account = self._moved(
                account,
                balance=account.balance + leg.delta,
                seq=account.seq + 1,
                last_transaction_id=transaction.id,
            )
            overlay.accounts[account.id] = account
            overlay.entries.append(entry_document(transaction.id, leg, account, self._at))
            seqs.append(account.seq)
            if leg.side is Side.DEBIT:
                debited.add(account.id)
        self._free(freed, overlay)
        if not overlay.fact:
            for account_id in debited:
                self._require_funds(account_id, overlay)
        return tuple(seqs)

    def _take_back(self, transaction: Transaction, original_id: str, overlay: _Overlay) -> None:
        original = self._known.get(original_id)
        if original is None:
            raise Missing("transaction")
        overlay.companions.append(take_back(transaction, original, self._document(REMAINDERS, original_id, overlay)))

    def _place_hold(self, transaction: Transaction, overlay: _Overlay) -> None:
        leg = transaction.first_debit
        account = self._account(leg, overlay)
        if transaction.expires_at is not None and transaction.expires_at <= self._at:
            raise HoldExpired(public_id(transaction.id))
        overlay.accounts[account.id] = self._moved(account, held=account.held + leg.amount.minor)
        self._require_funds(account.id, overlay)
        overlay.holds[transaction.id] = Hold(
            transaction.id, account.id, leg.amount.minor, version=1, expires_at=transaction.expires_at
        )

    def _free(self, freed: Mapping[str, int], overlay: _Overlay) -> None:
        for account_id, amount in freed.items():
            account = overlay.accounts.get(account_id) or self._accounts[account_id]
            overlay.accounts[account_id] = self._moved(account, held=account.held - amount)

    def _draw_on_holds(self, transaction: Transaction, overlay: _Overlay) -> dict[str, int]:
        """Use holds up by what the transaction takes (whole, if it closes them); says what that frees, by account."""
        freed: dict[str, int] = {}
        for hold_id in transaction.hold_ids:
            hold = overlay.holds.get(hold_id) or self._holds.get(hold_id)
            if hold is None or hold.account_id in freed:
                raise HoldUnavailable(public_id(hold_id))
            taken = self._taken(transaction, hold, fact=overlay.fact)
            freed[hold.account_id] = hold.remaining if transaction.closes_holds else taken
            left = hold.remaining - freed[hold.account_id]
            until = hold.expires_at if left else None  # what reserves nothing is never due
            overlay.holds[hold_id] = replace(hold, remaining=left, version=hold.version + 1, expires_at=until)
        return freed

    def _taken(self, transaction: Transaction, hold: Hold, *, fact: bool) -> int:
        """What a capture takes of the hold, or a release gives back."""
        releases = transaction.status is Status.PENDING
        side = Side.CREDIT if releases else Side.DEBIT
        asked = sum(
            leg.amount.minor for leg in transaction.legs if leg.account_id == hold.account_id and leg.side is side
        )
        if fact and not releases:
            if not asked:
                raise HoldUnavailable(public_id(hold.id))
            return min(asked, hold.remaining)
        if not 0 < asked <= hold.remaining or (releases and asked != hold.remaining):
            raise HoldUnavailable(public_id(hold.id))
        if not releases and hold.expires_at is not None and hold.expires_at <= self._at:
            raise HoldExpired(public_id(hold.id))
        return asked

    def _moved(self, account: Account, **fields: Any) -> Account:
        return replace(account, version=account.version + 1, updated_at=self._at, **fields)

    def _require_funds(self, account_id: str, overlay: _Overlay) -> None:
        account = overlay.accounts[account_id]
        if account.min_available is None or account.available >= account.min_available:
            return
        before = self._accounts.get(account_id, replace(account, balance=0, held=0))
        raise InsufficientFunds(
            public_id(account_id),
            available=str(Money(max(0, before.available - account.min_available), account.asset)),
            needed=str(Money(before.available - account.available, account.asset)),
            currency=account.asset.code,
        )

    def _accept(self, overlay: _Overlay) -> None:
        self._accounts.update(overlay.accounts)
        self._holds.update(overlay.holds)
        self.transactions.extend(overlay.transactions)
        self.entries.extend(overlay.entries)
        self.cases.extend(overlay.cases)
        self._known.update({document["_id"]: document for document in overlay.transactions})
        for companion in overlay.companions:
            key = (companion.collection, companion.id)
            self._documents[key] = {**self._documents.get(key, companion.guard), **companion.document}
            first = self._companions.get(key)
            self._companions[key] = first.followed_by(companion) if first else companion
