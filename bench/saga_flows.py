"""Two five-step sagas that measure the engine and nothing else: their provider answers at once, in the process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import BaseModel

from app.ledger.transactions import credit, debit
from app.money import USD, Money
from app.orchestrator.effects import Effect, Policy, Sent
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Saga, Settled, Step, Waiting
from app.providers.capabilities import Capabilities
from bench.world import BANK

PROVIDER = "instant"
STEPS = 5
_CENT = Money(1, USD)


class Paid(BaseModel):
    """Whose account the steps post to."""

    account_id: str


def post(run: Run) -> Outcome:
    """A step that is one posting."""
    return Outcome((_posting(run, "posted"),))


def _posting(run: Run, name: str) -> Any:
    return run.transaction(name, debit(run.params.account_id, _CENT), credit(BANK, _CENT))


@dataclass(frozen=True, slots=True)
class Instant:
    """An outside step whose provider has settled by the time it answers; one posting with the record of the send."""

    provider: str = PROVIDER
    operation: str = "send"

    examine: ClassVar[None] = None

    def request(self, run: Run) -> Mapping[str, Any]:  # noqa: ARG002
        return {"amount": str(_CENT)}

    def sending(self, run: Run) -> Outcome:
        return Outcome((_posting(run, "sending"),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:  # noqa: ARG002
        return Sent(effect.id, seen=effect.id)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:  # noqa: ARG002
        return None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome()

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def look(self, effect: Effect, outside: Outside) -> str:  # noqa: ARG002
        return effect.id

    def judge(self, run: Run, effect: Effect, seen: str) -> Progress:  # noqa: ARG002
        return Settled()


@dataclass(frozen=True, slots=True)
class Patient(Instant):
    """The same, but it never settles: it is looked at, and waits on."""

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (reference(effect.saga_id),)

    def judge(self, run: Run, effect: Effect, seen: str) -> Progress:  # noqa: ARG002
        return Waiting(until=run.now + timedelta(days=30))


def reference(saga_id: str) -> str:
    """What an event says that is about this saga."""
    return f"{PROVIDER}:payment:{saga_id}"


def _told(_params: Any) -> str:
    return "a cent was posted"


INNER = Saga("bench-inner", 1, Paid, tuple(Step(f"step{number}", _told, do=post) for number in range(STEPS)))
OUTSIDE = Saga(
    "bench-outside",
    1,
    Paid,
    (Step("record", _told, do=post), *(Step(f"step{number}", _told, do=Instant()) for number in range(STEPS))),
)
WAITING = Saga("bench-waiting", 1, Paid, (Step("record", _told, do=post), Step("wait", _told, do=Patient())))
FLOWS = {(flow.name, flow.version): flow for flow in (INNER, OUTSIDE, WAITING)}

POLICIES = {
    PROVIDER: Policy(
        Capabilities("body-key", None, None, timedelta(), cancels=False, provider_fence="key", finality="at once"),
        timeout=timedelta(seconds=1),
        quiet=timedelta(seconds=1.5),
    )
}
