"""ACH through the partner bank: pushing a customer's dollars out.

The bank takes a credit from our account when it is made, so it is booked against ``bank`` at that moment. It passes
``Pending`` and ``Sent``, and may be returned after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.ledger.transactions import credit, debit
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows import chart
from app.orchestrator.flows.ach import (
    ACH_PUSH,
    NOT_DONE,
    UNIT,
    AchTerms,
    make_payment,
    payment_made,
    payment_now,
    request_for,
    watch_of,
)
from app.orchestrator.flows.stops import lost_verdict
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Run, Settled, Stuck, Waiting
from app.providers.ports import AchPayment, PaymentStatus


@dataclass(frozen=True, slots=True)
class Push:
    """Push held dollars to the customer's bank.

    | Moment | DR / CR |
    |---|---|
    | sending | customer / in_doubt:unit (captures the hold) |
    | accepted | in_doubt:unit / bank |
    | definitely not done | in_doubt:unit / customer |
    | rejected, canceled or returned before it was seen as sent | bank / customer |
    """

    terms: Callable[[Run], AchTerms]
    hold_id: Callable[[Run], str]
    provider: str = UNIT
    operation: str = "create_payment"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        """Who has lost their verdict since acceptance moves no money out: a person decides."""
        lost = await lost_verdict(run.book, run.user_id, outside)
        return None if lost is None else Stuck(lost)

    def request(self, run: Run) -> Mapping[str, Any]:
        return request_for(self.terms(run), "Credit", "PAYOUT")

    def sending(self, run: Run) -> Outcome:
        terms = self.terms(run)
        doubt = chart.in_doubt(run.book, UNIT, terms.amount.asset)
        legs = (debit(terms.account, terms.amount), credit(doubt, terms.amount))
        posting = run.transaction("sending", *legs, holds=(self.hold_id(run),))
        return Outcome((posting,), result={"recorded_at": run.now})

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        return await make_payment(effect, outside)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        return await payment_made(effect, outside)

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        amount = self.terms(run).amount
        doubt, bank = chart.in_doubt(run.book, UNIT, amount.asset), chart.bank(run.book, amount.asset)
        posting = run.transaction("accepted", debit(doubt, amount), credit(bank, amount))
        return Outcome((posting,), result={"payment_id": effect.ref})

    def refused(self, run: Run) -> Outcome:
        terms = self.terms(run)
        doubt = chart.in_doubt(run.book, UNIT, terms.amount.asset)
        return Outcome((run.transaction("refused", debit(doubt, terms.amount), credit(terms.account, terms.amount)),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{UNIT}:payment:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> AchPayment | None:
        return await payment_now(effect, outside)

    def judge(self, run: Run, effect: Effect, seen: AchPayment | None) -> Progress:
        if seen is None:
            return Stuck("payment-vanished")
        if seen.status is PaymentStatus.SENT:
            return Settled(watches=(watch_of(run, self.terms(run), ACH_PUSH, effect.ref),))
        if seen.status in NOT_DONE:
            return Failed(seen.reason or seen.status.value, self._came_back(run, seen))
        return Waiting()

    def _came_back(self, run: Run, seen: AchPayment) -> Outcome:
        terms = self.terms(run)
        bank = chart.bank(run.book, terms.amount.asset)
        back = run.transaction("came-back", debit(bank, terms.amount), credit(terms.account, terms.amount))
        returned = seen.status is PaymentStatus.RETURNED
        return Outcome((back,), result={"returned_at": run.now} if returned else {})
