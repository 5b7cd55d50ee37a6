"""Cases: what somebody has to look at, opened by the commit that caused it, decided once, by name, with a reason."""

from app.clock import Clock
from app.compliance.case_store import CaseStore
from app.compliance.trail import Deed, Trail
from app.errors import CaseDecided, IdempotencyKeyReused, Missing, StaleGuard
from app.ids import book_of, public_id
from app.ledger.acts import Answerable
from app.ledger.changes import Change, Companion, Document

CASES = "cases"


class Cases:
    """Decides them."""

    def __init__(self, store: CaseStore, trail: Trail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock

    async def decide(self, case_id: str, decision: str, answerable: Answerable) -> Document:
        """The case as decided; the same decision under the same key again answers with it.

        Raises Missing, IdempotencyKeyReused, CaseDecided (also when somebody else was a moment faster).
        """
        case = await self._case(case_id)
        if case["status"] != "open":
            return _same(case, decision, answerable)
        decided = {
            "status": "decided",
            "decision": decision,
            "decided_by": answerable.by,
            "decided_for": answerable.reason,
            "decided_at": self._clock.now(),
            "cause": answerable.cause,
            "version": case["version"] + 1,
        }
        change = Change(
            book_of(case_id), companions=(Companion(CASES, case_id, {"version": case["version"]}, decided),)
        )
        deed = Deed.of(answerable, "case.decide", public_id(case_id))
        deed = deed.changing({"status": "open"}, {"status": "decided", "decision": decision})
        try:
            await self._trail.submit(change, deed)
        except StaleGuard:
            return _same(await self._case(case_id), decision, answerable)
        return {**case, **decided}

    async def _case(self, case_id: str) -> Document:
        case = await self._store.case(case_id)
        if case is None:
            raise Missing("case")
        return case


def _same(case: Document, decision: str, answerable: Answerable) -> Document:
    if case.get("cause") != answerable.cause:
        raise CaseDecided(public_id(case["_id"]))
    for name, stored, asked in (
        ("decision", case["decision"], decision),
        ("reason", case["decided_for"], answerable.reason),
    ):
        if stored != asked:
            raise IdempotencyKeyReused(name)
    return case
