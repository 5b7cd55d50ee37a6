"""Acts that take two: above a limit, the first one's act is a proposal, and another one's same act makes it be done.

    nothing ──ask──► proposed ──ask for the same, by another──► agreed
                        └──ask for anything else──► proposed, in its place

A subject has one proposal at a time. It is about the subject as it stood, lasts three days, and an agreement is good
for the one request that gave it: that request does the act, in the name of whoever agreed. Both are in the audit trail,
each in its own commit and before the act, and asking again under the same key changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from app.clock import Clock
from app.compliance.proposal_store import PROPOSALS, ProposalStore
from app.compliance.trail import AUDIT, Deed, Facts, Trail, TrailReader
from app.errors import IdempotencyKeyReused, Overloaded, SecondOperatorNeeded, StaleGuard
from app.ids import derived_id, stored_id
from app.ledger.acts import Answerable
from app.ledger.changes import ABSENT, Change, Companion, Document
from app.ledger.feed_store import Place
from app.ledger.limits import Threshold
from app.money import Money

LASTS = timedelta(days=3)

_TRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class Matter:
    """What two must mean alike: an act (``saga.write_off``) on a subject (a public id), and the amounts it is about.

    ``asked`` is what the request says of it, ``met`` how the subject stands; names are in only one of the two.
    """

    act: str
    subject: str
    amounts: tuple[Money, ...]
    asked: Facts = field(default_factory=dict)
    met: Facts = field(default_factory=dict)

    @property
    def details(self) -> Facts:
        """What is kept of it, with a proposal and in the trail."""
        return {**self.asked, **self.met}

    def proposal_id(self, book: str) -> str:
        """The stored id of the subject's proposal."""
        return stored_id(book, derived_id("pro", book, self.subject))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody wants done, and until when another may agree."""

    act: str
    subject: str
    by: str
    reason: str
    details: Facts
    at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, document: Document) -> Self:
        """As it is kept."""
        return cls(**{name: document[name] for name in cls.__slots__})


class Proposals:
    """Knows which acts take two, and who has proposed what."""

    def __init__(
        self, store: ProposalStore, trail: Trail, entries: TrailReader, clock: Clock, threshold: Threshold
    ) -> None:
        self._store = store
        self._trail = trail
        self._entries = entries
        self._clock = clock
        self._threshold = threshold

    def are_needed(self, amounts: Iterable[Money]) -> bool:
        """Whether what is about these amounts takes two."""
        return any(map(self._threshold.is_passed_by, amounts))

    async def ask(self, book: str, matter: Matter, answerable: Answerable) -> Proposal | None:
        """The proposal that another one must agree to; None: it may be done.

        Raises IdempotencyKeyReused, SecondOperatorNeeded (the proposal is the asker's own), Overloaded.
        """
        if not self.are_needed(matter.amounts):
            return None
        for _ in range(_TRIES_MAX):
            if await self._has_agreed(book, matter, answerable):
                return None
            made = await self.made(book, matter, answerable)
            if made is not None:
                return made
            stored = await self._store.proposal(matter.proposal_id(book))
            try:
                if stored is None or not self._is_for(stored, matter):
                    return await self._propose(book, matter, stored, answerable)
                if stored["by"] == answerable.by:
                    raise SecondOperatorNeeded(matter.subject)
                await self._agree(book, matter, stored, answerable)
            except StaleGuard as stale:
                if stale.collection not in {AUDIT, PROPOSALS}:
                    raise
                continue  # another was faster, or the same request was sent twice
            return None
        raise Overloaded

    async def waiting(self, book: str, before: Place | None, limit: int) -> list[Document]:
        """A book's proposals that can still be agreed to, the newest first, behind ``before``."""
        return await self._store.waiting(book, self._clock.now(), before, limit)

    async def made(self, book: str, matter: Matter, answerable: Answerable) -> Proposal | None:
        """The proposal that this very request has made before, whatever has become of it. Raises IdempotencyKeyReused.

        How the subject stands now does not matter.
        """
        entry = await self._entries.entry(_deed(matter, "propose", answerable).entry_id(book))
        if entry is None:
            return None
        if entry["reason"] != answerable.reason:
            raise IdempotencyKeyReused("reason")
        for name, asked in matter.asked.items():
            if entry["after"].get(name) != asked:
                raise IdempotencyKeyReused(name)
        at = entry["at"]
        return Proposal(matter.act, matter.subject, entry["by"], entry["reason"], entry["after"], at, at + LASTS)

    async def _has_agreed(self, book: str, matter: Matter, answerable: Answerable) -> bool:
        """Whether this very request has agreed before, to the same thing."""
        entry = await self._entries.entry(_deed(matter, "agree", answerable).entry_id(book))
        return entry is not None and entry["after"] == matter.details

    def _is_for(self, stored: Document, matter: Matter) -> bool:
        """Whether the subject's proposal is still open, and means the same."""
        means_the_same = (stored["act"], stored["details"]) == (matter.act, matter.details)
        return stored["status"] == "proposed" and means_the_same and self._clock.now() < stored["expires_at"]

    async def _propose(self, book: str, matter: Matter, earlier: Document | None, answerable: Answerable) -> Proposal:
        now = self._clock.now()
        document: Document = {
            "book": book,
            "status": "proposed",
            "act": matter.act,
            "subject": matter.subject,
            "details": dict(matter.details),
            "by": answerable.by,
            "reason": answerable.reason,
            "at": now,
            "expires_at": now + LASTS,
        }
        await self._write(book, matter, earlier, document, _deed(matter, "propose", answerable), {})
        return Proposal.of(document)

    async def _agree(self, book: str, matter: Matter, proposed: Document, answerable: Answerable) -> None:
        fields: Document = {"status": "agreed", "agreed_by": answerable.by}
        before: Facts = {"proposed_by": proposed["by"]}
        await self._write(book, matter, proposed, fields, _deed(matter, "agree", answerable), before)

    async def _write(
        self, book: str, matter: Matter, earlier: Document | None, fields: Document, deed: Deed, before: Facts
    ) -> None:
        version = earlier["version"] if earlier else 0
        guard = {"version": version} if earlier else ABSENT
        companion = Companion(PROPOSALS, matter.proposal_id(book), guard, {**fields, "version": version + 1})
        await self._trail.submit(Change(book, companions=(companion,)), deed.changing(before, matter.details))


def _deed(matter: Matter, verb: str, answerable: Answerable) -> Deed:
    return Deed.of(answerable, f"{matter.act}.{verb}", matter.subject)
