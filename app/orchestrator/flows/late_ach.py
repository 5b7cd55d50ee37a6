"""ACH payments that turn out otherwise after the saga that made them had concluded something about them.

| What happened | DR / CR |
|---|---|
| a settled pull was returned | customer / bank; what the customer does not have, receivable / bank |
| a settled push or refund was returned | bank / customer |
| a pull settled that was taken never to have been made | bank / customer |
| a push was made that was taken never to have been made | customer, or receivable / bank |
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ledger.transactions import Leg, credit, debit
from app.orchestrator.flows import chart
from app.orchestrator.flows.ach import ACH_PULL, ACH_PUSH, NOT_DONE, AchTerms, watch_of
from app.orchestrator.flows.late import Recovery, customers_account
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled, Waiting
from app.providers.ports import AchPayment, PaymentStatus


async def _payment(object_id: str, outside: Outside) -> AchPayment | None:
    return await outside.providers.ach.payment(object_id)


def _out(run: Run) -> tuple[Leg, Leg]:
    """The bank gives the money away: the customer's, as far as they have it."""
    amount = run.params.amount
    account, bank = customers_account(run, amount.asset), chart.bank(run.book, amount.asset)
    return debit(account, amount), credit(bank, amount)


def _in(run: Run) -> tuple[Leg, Leg]:
    """The bank has got the money: it is the customer's."""
    amount = run.params.amount
    account, bank = customers_account(run, amount.asset), chart.bank(run.book, amount.asset)
    return debit(bank, amount), credit(account, amount)


@dataclass(frozen=True, slots=True)
class Returned:
    """A settled payment that came back."""

    kind: str
    freezes: bool

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> AchPayment | None:  # noqa: ARG002
        return await _payment(object_id, outside)

    def happened(self, seen: AchPayment | None) -> str | None:
        return seen.status.value if seen is not None and seen.status in NOT_DONE else None

    def book(self, run: Run, seen: AchPayment) -> Progress:
        legs = _out(run) if self.kind == ACH_PULL else _in(run)
        return Settled(Outcome((run.transaction("returned", *legs),), result={"reason": seen.reason}))


@dataclass(frozen=True, slots=True)
class Landed:
    """A payment that exists although it was concluded that it does not. It is watched like any other from then on."""

    kind: str
    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> AchPayment | None:  # noqa: ARG002
        return await _payment(object_id, outside)

    def happened(self, seen: AchPayment | None) -> str | None:
        return "landed" if seen is not None and seen.status not in NOT_DONE else None

    def book(self, run: Run, seen: AchPayment) -> Progress:
        recovery: Recovery = run.params
        if self.kind == ACH_PULL and seen.status is not PaymentStatus.SENT:
            return Waiting(refs=(recovery.ref,))
        legs = _in(run) if self.kind == ACH_PULL else _out(run)
        terms = AchTerms(recovery.amount, "", customers_account(run, recovery.amount.asset))
        watch = watch_of(run, terms, self.kind, recovery.object_id)
        return Settled(Outcome((run.transaction("landed", *legs),)), (watch,))


RETURNED_PULL = Returned(ACH_PULL, freezes=True)
RETURNED_PUSH = Returned(ACH_PUSH, freezes=False)
LANDED_PULL = Landed(ACH_PULL)
LANDED_PUSH = Landed(ACH_PUSH)
