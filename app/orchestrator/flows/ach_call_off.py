"""Calling off a pull that is not wanted any more: what can still be done depends on how far it has got.

| The pull is | What happens |
|---|---|
| Pending | it is canceled at the bank, and looked at again: the bank may have been faster |
| Clearing | it is waited for: it can neither be canceled nor given back |
| Sent | it is booked like any other that settled; giving it back is the step's undo |
| Returned, Canceled, Rejected | its booking is mirrored, and nothing is given back |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows.ach import NOT_DONE, UNIT, Pull
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Waiting
from app.providers.ports import AchPayment, PaymentStatus


@dataclass(frozen=True, slots=True)
class CallOff:
    """Cancel the payment of a pull. Nothing moves by it, so nothing is booked but what becomes of the pull."""

    pull: Pull
    provider: str = UNIT
    operation: str = "cancel_payment"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        payment_id = _payment_id(run)
        seen = await outside.providers.ach.payment(payment_id)
        if seen is not None and seen.status is PaymentStatus.PENDING:
            return None
        return self._became(run, payment_id, seen)

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"payment_id": _payment_id(run)}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        return _sent(await outside.providers.ach.cancel_payment(effect.request["payment_id"]))

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        """A cancellation has no reference of its own: it is found in what has become of the payment."""
        payment = await self.look(effect, outside)
        return _sent(payment) if payment is not None and payment.status in NOT_DONE else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome()

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{UNIT}:payment:{effect.request['payment_id']}",)

    async def look(self, effect: Effect, outside: Outside) -> AchPayment | None:
        return await outside.providers.ach.payment(effect.request["payment_id"])

    def judge(self, run: Run, effect: Effect, seen: AchPayment | None) -> Progress:
        return self._became(run, effect.request["payment_id"], seen)

    def _became(self, run: Run, payment_id: str, seen: AchPayment | None) -> Progress:
        became = self.pull.became(run, payment_id, seen)
        return Waiting(refs=(f"{UNIT}:payment:{payment_id}",)) if isinstance(became, Waiting) else became


def _payment_id(run: Run) -> str:
    return str(run.results[run.step]["payment_id"])


def _sent(payment: AchPayment) -> Sent:
    """The bank gives a cancellation no id; it is kept under its path, which is nobody else's reference."""
    return Sent(f"{payment.id}/cancel")
