"""The audit trail: every act of an operator or officer, one line after the other, each carrying the hash of the last.

An entry is written in the commit of the act itself, so there is no act without its entry and no entry without its act.
Its id is derived from the act's cause: the same act under the same key finds its entry. Entries of a book are numbered
without a gap and chained by hash, so an edited, inserted or deleted one is found by whoever walks the chain.
"""

import asyncio
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self

from app.clock import Clock, rfc3339
from app.errors import Overloaded, StaleGuard
from app.ids import derived_id, public_id, stored_id
from app.ledger.acts import Answerable
from app.ledger.changes import ABSENT, Change, Companion, Document, Door, Duplicate, Posted
from app.ledger.store import ACCOUNT_ACTS, TRANSACTION_ACTS

Facts = Mapping[str, str | int | None]
"""What changed, in plain values."""

AUDIT, AUDIT_HEADS = "audit", "audit_heads"

_START = "0" * 64
_TRIES_MAX = 8
_TOGETHER_MAX = 64
_RECORD_S = 10.0


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to what, why, and what that changed: plain values, without personal data.

    ``subject`` is a public id; ``cause`` stands for the caller and their key.
    """

    act: str
    subject: str
    by: str
    reason: str
    cause: str
    before: Facts = field(default_factory=dict)
    after: Facts = field(default_factory=dict)

    @classmethod
    def of(cls, answerable: Answerable, act: str, subject: str) -> Self:
        """Somebody's deed; what it changed is known once it has been judged."""
        return cls(act, subject, answerable.by, answerable.reason, answerable.cause)

    def changing(self, before: Facts, after: Facts) -> Self:
        """The same, with what it changed."""
        return replace(self, before=before, after=after)

    def entry_id(self, book: str) -> str:
        """The id that this act's entry has, however often the act is asked for."""
        return stored_id(book, derived_id("aud", book, self.act, self.subject, self.cause))


class TrailReader(Protocol):
    """The trail, as it is read."""

    async def head(self, book: str) -> Document | None:
        """Where the book's chain ends; None where nobody has acted yet."""
        ...

    async def entry(self, entry_id: str) -> Document | None:
        """The entry of that stored id."""
        ...

    async def present(self, entry_ids: Collection[str]) -> set[str]:
        """Which of these stored ids have an entry."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """An act of its own that waits for its entry."""

    book: str
    deed: Deed


class Trail:
    """Submits changes with their entry. Acts of one process wait for one another, since each entry follows the last;
    only another process's act can come between.
    """

    def __init__(self, door: Door, entries: TrailReader, clock: Clock) -> None:
        self._door = door
        self._entries = entries
        self._clock = clock
        self._turn = asyncio.Lock()
        self._recordings: list[_Recording] = []

    async def submit(self, change: Change, deed: Deed, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        """Make the change true together with its entry. Raises what the door raises; StaleGuard of AUDIT means that
        the same act, under the same key, has its entry already; Overloaded when too many acts came between.
        """
        async with self._turn:
            return await self._append(change, [deed], deadline_s)

    async def record(self, book: str, deed: Deed) -> None:
        """Write the entry of an act that changes nothing by itself, unless it is there. Raises what the door raises,
        Overloaded when too many acts came between.

        Whoever has the turn writes for all who wait: the entries of many who ask at the same moment cost one commit.
        """
        recording = _Recording(book, deed)
        self._recordings.append(recording)
        try:
            async with self._turn:
                if recording in self._recordings:
                    await self._record_waiting(book)
        finally:
            self._recordings = [each for each in self._recordings if each is not recording]

    async def _record_waiting(self, book: str) -> None:
        together = [each for each in self._recordings if each.book == book][:_TOGETHER_MAX]
        deeds = {each.deed.entry_id(book): each.deed for each in together}
        for _ in range(_TRIES_MAX):
            there = await self._entries.present(deeds)
            missing = [deed for entry_id, deed in deeds.items() if entry_id not in there]
            try:
                if missing:
                    await self._append(Change(book), missing, _RECORD_S)
            except StaleGuard:
                continue  # another process has written one of them meanwhile
            self._recordings = [each for each in self._recordings if each not in together]
            return
        raise Overloaded

    async def _append(self, change: Change, deeds: Sequence[Deed], deadline_s: float) -> Posted | Duplicate:
        for _ in range(_TRIES_MAX):
            head = await self._entries.head(change.book)
            companions = (*change.companions, *entries(change.book, deeds, head, self._clock.now()))
            try:
                return await self._door.submit(replace(change, companions=companions), deadline_s=deadline_s)
            except StaleGuard as stale:
                if stale.collection != AUDIT_HEADS:
                    raise
        raise Overloaded


class AuditedDoor:
    """The door for acts on accounts and transactions: what they record of themselves goes into the trail as well."""

    def __init__(self, door: Door, trail: Trail) -> None:
        self._door = door
        self._trail = trail

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        """Make the change true; with an act in it, together with the act's entry. Raises what the door raises."""
        deed = next((_deed_of(each) for each in change.companions if each.collection in _SUBJECTS), None)
        if deed is None:
            return await self._door.submit(change, deadline_s=deadline_s)
        return await self._trail.submit(change, deed, deadline_s=deadline_s)


_SUBJECTS = {ACCOUNT_ACTS: "account_id", TRANSACTION_ACTS: "transaction_id"}


def _deed_of(record: Companion) -> Deed:
    told = record.document
    return Deed(
        act=f"{_SUBJECTS[record.collection].removesuffix('_id')}.{told['act']}",
        subject=public_id(told[_SUBJECTS[record.collection]]),
        by=told["by"],
        reason=told["reason"],
        cause=told["cause"],
        before={"status": told["before"]} if "before" in told else {},
        after={"status": told["after"]} if "after" in told else {},
    )


def entries(book: str, deeds: Sequence[Deed], head: Document | None, at: datetime) -> Iterator[Companion]:
    """The companions that append acts to their book's chain, in order, if the chain still ends at that head."""
    seq, digest, version = (head["seq"], head["hash"], head["version"]) if head else (0, _START, 0)
    for deed in deeds:
        seq += 1
        content: Document = {
            "book": book,
            "seq": seq,
            "at": at,
            "by": deed.by,
            "act": deed.act,
            "subject": deed.subject,
            "reason": deed.reason,
            "before": dict(deed.before),
            "after": dict(deed.after),
            "cause": deed.cause,
            "prev_hash": digest,
        }
        digest = entry_hash(content)
        yield Companion(AUDIT, deed.entry_id(book), ABSENT, {**content, "hash": digest, "version": 1})
    guard = {"version": version} if head else ABSENT
    yield Companion(AUDIT_HEADS, stored_id(book, AUDIT), guard, {"seq": seq, "hash": digest, "version": version + 1})


def entry_hash(content: Document) -> str:
    """The hash of an entry: of everything in it but its id, its own hash and its version."""
    told = {name: value for name, value in content.items() if name not in {"_id", "hash", "version"}}
    told["at"] = rfc3339(told["at"])
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def breaks(entries: Iterable[Document], head: Document | None) -> Iterator[str]:
    """What is wrong with one book's chain; ``entries`` are all of it, in order."""
    seq, prev_hash = 0, _START
    for each in entries:
        seq += 1
        if each["seq"] != seq or each["prev_hash"] != prev_hash:
            yield f"audit entry {each['seq']} of {each['book']} does not follow the one before it"
        if entry_hash(each) != each["hash"]:
            yield f"audit entry {each['seq']} of {each['book']} is not what was written"
        seq, prev_hash = each["seq"], each["hash"]
    if (seq, prev_hash) != ((head["seq"], head["hash"]) if head else (0, _START)):
        yield "the audit trail does not end where it should"
