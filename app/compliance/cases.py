"""Cases: what somebody has to look at, opened by the commit that caused it, and worked on by officers, by name.

    open ──decide──► decided ──reopen──► open
      └──decide (where two must agree)──► proposed ──decide, by another──► decided

Every act is in the audit trail, in its own commit. The same act under the same key is done once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.clock import Clock
from app.compliance.case_rules import FourEyes, require_fit
from app.compliance.case_store import CaseStore
from app.compliance.trail import AUDIT, Deed, Facts, Trail, TrailReader
from app.errors import (
    CaseDecided,
    CaseUndecided,
    IdempotencyKeyReused,
    Missing,
    Overloaded,
    SecondOfficerNeeded,
    StaleGuard,
    TooManyNotes,
)
from app.ids import book_of, public_id
from app.ledger.acts import Answerable
from app.ledger.changes import Change, Companion, Document

CASES = "cases"

_TRIES_MAX = 5
_NOTES_MAX = 100

Tell = Callable[[Sequence[str]], Awaitable[object]]
"""Wakes whatever waits for these references."""


def ref_of(case_id: str) -> str:
    """The reference that a saga waits for until the case is decided."""
    return f"case:{case_id}"


@dataclass(frozen=True, slots=True)
class _Step:
    """What an act changes of a case: the fields it sets, and how the trail tells it."""

    act: str
    fields: Document
    before: Facts
    after: Facts


class Cases:
    """Works on them."""

    def __init__(
        self, store: CaseStore, trail: Trail, entries: TrailReader, clock: Clock, four_eyes: FourEyes, tell: Tell
    ) -> None:
        self._store = store
        self._trail = trail
        self._entries = entries
        self._clock = clock
        self._four_eyes = four_eyes
        self._tell = tell

    async def decide(self, case_id: str, decision: str, answerable: Answerable) -> Document:
        """The case as decided, or as proposed where two officers must agree; the same under the same key again.

        Raises Missing, IdempotencyKeyReused, CaseDecided, DecisionUnfit, SecondOfficerNeeded, Overloaded.
        """
        for _ in range(_TRIES_MAX):
            case = await self._case(case_id)
            if case["status"] == "decided" or _is_the_proposal(case, answerable):
                return _same(case, decision, answerable)
            require_fit(case, decision)
            try:
                decided = await self._take(case, self._judged(case, decision, answerable), answerable)
            except StaleGuard:
                continue
            if decided["status"] == "decided":
                await self._tell([ref_of(case_id)])
            return decided
        raise Overloaded

    async def assign(self, case_id: str, assignee: str | None, answerable: Answerable) -> Document:
        """The case with whoever works on it from now on; None: nobody.

        Raises Missing, IdempotencyKeyReused, CaseDecided, Overloaded.
        """

        def step(case: Document) -> _Step:
            if case["status"] == "decided":
                raise CaseDecided(public_id(case_id))
            told = {"assignee": assignee}
            return _Step("case.assign", told, {"assignee": case.get("assignee")}, told)

        return await self._act(case_id, "case.assign", step, answerable)

    async def note(self, case_id: str, answerable: Answerable) -> Document:
        """The case with a note: the reason that is given.

        Raises Missing, IdempotencyKeyReused, TooManyNotes, Overloaded.
        """

        def step(case: Document) -> _Step:
            notes = case.get("notes", [])
            if len(notes) >= _NOTES_MAX:
                raise TooManyNotes(_NOTES_MAX)
            written = {"by": answerable.by, "at": self._clock.now(), "text": answerable.reason}
            return _Step("case.note", {"notes": [*notes, written]}, {"notes": len(notes)}, {"notes": len(notes) + 1})

        return await self._act(case_id, "case.note", step, answerable)

    async def reopen(self, case_id: str, answerable: Answerable) -> Document:
        """The case, open again; what was done on its decision stays done.

        Raises Missing, IdempotencyKeyReused, CaseUndecided, Overloaded.
        """

        def step(case: Document) -> _Step:
            if case["status"] != "decided":
                raise CaseUndecided(public_id(case_id))
            undone = dict.fromkeys(("decision", "decided_by", "decided_for", "decided_at", "cause", "proposal"))
            before: Facts = {"status": "decided", "decision": case["decision"]}
            return _Step("case.reopen", {"status": "open", **undone}, before, {"status": "open"})

        return await self._act(case_id, "case.reopen", step, answerable)

    async def _act(self, case_id: str, act: str, step: Callable[[Document], _Step], answerable: Answerable) -> Document:
        entry_id = Deed.of(answerable, act, public_id(case_id)).entry_id(book_of(case_id))
        for _ in range(_TRIES_MAX):
            case, earlier = await self._case(case_id), await self._entries.entry(entry_id)
            if earlier is not None:
                if earlier["reason"] != answerable.reason:
                    raise IdempotencyKeyReused("reason")
                return case
            try:
                return await self._take(case, step(case), answerable)
            except StaleGuard as stale:
                if stale.collection not in {CASES, AUDIT}:
                    raise
        raise Overloaded

    async def _take(self, case: Document, step: _Step, answerable: Answerable) -> Document:
        case_id, version = case["_id"], case["version"]
        fields = {**step.fields, "version": version + 1}
        change = Change(book_of(case_id), companions=(Companion(CASES, case_id, {"version": version}, fields),))
        deed = Deed.of(answerable, step.act, public_id(case_id)).changing(step.before, step.after)
        await self._trail.submit(change, deed)
        return {**case, **fields}

    def _judged(self, case: Document, decision: str, answerable: Answerable) -> _Step:
        """The decision; where two must agree, the first one's is a proposal, and so is one that differs from it."""
        proposal = case.get("proposal")
        if self._four_eyes.needed(case):
            if proposal is not None and proposal["by"] == answerable.by:
                raise SecondOfficerNeeded(public_id(case["_id"]))
            if proposal is None or proposal["decision"] != decision:
                return self._proposed(case, decision, answerable)
        fields = {
            "status": "decided",
            "decision": decision,
            "decided_by": answerable.by,
            "decided_for": answerable.reason,
            "decided_at": self._clock.now(),
            "cause": answerable.cause,
        }
        after: Facts = {"status": "decided", "decision": decision}
        return _Step("case.decide", fields, {"status": case["status"]}, after)

    def _proposed(self, case: Document, decision: str, answerable: Answerable) -> _Step:
        proposal = {
            "decision": decision,
            "by": answerable.by,
            "reason": answerable.reason,
            "at": self._clock.now(),
            "cause": answerable.cause,
        }
        after: Facts = {"status": "proposed", "decision": decision}
        return _Step("case.propose", {"status": "proposed", "proposal": proposal}, {"status": case["status"]}, after)

    async def _case(self, case_id: str) -> Document:
        case = await self._store.case(case_id)
        if case is None:
            raise Missing("case")
        return case


def _is_the_proposal(case: Document, answerable: Answerable) -> bool:
    """Whether this very request has made the proposal that the case has."""
    proposal = case.get("proposal")
    return case["status"] == "proposed" and proposal is not None and proposal["cause"] == answerable.cause


def _same(case: Document, decision: str, answerable: Answerable) -> Document:
    """The case, for whoever has decided or proposed it, and asks again."""
    proposal = case.get("proposal") or {}
    if proposal.get("cause") == answerable.cause:
        stored = (proposal["decision"], proposal["reason"])
    elif case.get("cause") == answerable.cause:
        stored = (case["decision"], case["decided_for"])
    else:
        raise CaseDecided(public_id(case["_id"]))
    for name, known, asked in zip(("decision", "reason"), stored, (decision, answerable.reason), strict=True):
        if known != asked:
            raise IdempotencyKeyReused(name)
    return case
