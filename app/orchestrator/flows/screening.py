"""Screening: a payment that leaves the house is checked against sanctions lists and for laundered money first.

What is found opens a case, and the payment waits until an officer has decided: released, it goes on; rejected, it
unwinds. A check that has no answer yet, or a vendor that is away, is waited for: nothing passes unchecked.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.compliance.case_rules import RELEASE, SCREENING_HIT
from app.compliance.cases import CASES, ref_of
from app.identity.users import reference_of
from app.ids import derived_id, stored_id
from app.ledger.changes import ABSENT, Companion
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Look, Outcome, Progress, Run, Saga, Settled, Step, Waiting
from app.plumbing.decimals import to_decimal128
from app.providers.screening_ports import Finding, Payment, Screening

SCREEN = "screen"
REJECTED = "screening-rejected"


@dataclass(frozen=True, slots=True)
class Screen:
    """Checks what ``payment`` says of a run."""

    payment: Callable[[Run], Payment]

    async def examine(self, run: Run, outside: Outside) -> Progress:
        """Ask the vendor; once a case is open, its decision is what counts."""
        case_id = _case_id(run)
        case = await outside.kept.case(case_id)
        if case is not None:
            if case["status"] != "decided":
                return Waiting(refs=(ref_of(case_id),))
            return Settled() if case["decision"] == RELEASE else Failed(REJECTED)
        applicant = await outside.providers.people.applicant_for(reference_of(run.book, run.user_id))
        payment = self.payment(run)
        check = await outside.providers.screening.screen(applicant.id, payment)
        match check.finding:
            case Finding.CLEAR:
                return Settled(Outcome(result={"check_id": check.id}))
            case Finding.OPEN:
                return Waiting(refs=(f"sumsub:applicant:{applicant.id}",))
            case Finding.HIT:
                return Waiting(Outcome(companions=(_hit(run, payment, check),)), refs=(ref_of(case_id),))


def screened(flow: Saga, payment: Callable[[Run], Payment], *, behind: str = "record") -> Saga:
    """The next version of the flow: with the check behind its acceptance, or behind a later step that moves nothing."""
    check = Step(SCREEN, lambda _: "the payment was checked, and may go", do=Look(Screen(payment).examine))
    place = flow.steps.index(flow.step(behind)) + 1
    return replace(flow, version=flow.version + 1, steps=(*flow.steps[:place], check, *flow.steps[place:]))


def _case_id(run: Run) -> str:
    return stored_id(run.book, derived_id("cas", run.saga_id, SCREEN))


def _hit(run: Run, payment: Payment, check: Screening) -> Companion:
    case = {
        "book": run.book,
        "kind": SCREENING_HIT,
        "user_id": run.user_id,
        "saga_id": run.saga_id,
        "ref": f"sumsub:transaction:{check.id}",
        "amount": to_decimal128(payment.amount.minor),
        "currency": payment.amount.asset.code,
        "status": "open",
        "opened_at": run.now,
        "version": 1,
    }
    return Companion(CASES, _case_id(run), ABSENT, case)
