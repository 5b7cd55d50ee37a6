"""What goes wrong, when, and to whom: drawn from the seed before it happens, so that a seed tells the same again.

What it meets is the operating system's affair: which commit is under way when a process is killed is not repeatable.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.chaos.stack import MORTALS, PRODUCT

_FROZEN_S = (0.3, 5.0)
_PAUSE_S = (0.2, 1.0)
_WIRES = ("mongod", "valkey", "http")
_FAULTS = {
    "unit": ("create_payment", "get_payment", "list_payments"),
    "tatum": ("send", "kms_get", "kms_pending", "get_transaction", "rate"),
    "stripe": ("create_payment_intent", "create_transfer", "create_payout", "get_payment_intent", "get_payout"),
    "sumsub": ("submit_transaction",),
}
_KINDS = ("error", "rate_limit", "timeout_before", "timeout_after", "late", "slow")
_DECLINED = ("create_payment", "send", "create_payment_intent", "create_transfer", "create_payout")
"""A read that is declined tells us nothing; what it is about then waits for a person."""
_MODES = ("normal", "duplicate", "delay", "reorder", "drop")
TELLING = ("unit", "tatum", "stripe")
"""Whose webhooks may go astray."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that goes wrong after a pause."""

    kind: str
    pause_s: float
    victim: str = ""
    lasts_s: float = 0.0
    dial: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        told = (self.kind, self.victim, *(str(value) for value in self.dial.values()))
        return " ".join(filter(None, told))


def forecast(seed: str) -> Iterator[Blow]:
    """Everything that will go wrong, without end."""
    random = Random(f"{seed}/weather")
    while True:
        pause_s = random.uniform(*_PAUSE_S)
        kind = random.choices(("crash", "kill", "freeze", "cut", "fault", "webhooks"), (24, 3, 3, 2, 4, 2))[0]
        match kind:
            case "crash":
                yield Blow(kind, pause_s)
            case "kill":
                yield Blow(kind, pause_s, random.choice(MORTALS))
            case "freeze":
                yield Blow(kind, pause_s, random.choice(MORTALS), lasts_s=random.uniform(*_FROZEN_S))
            case "cut":
                yield Blow(kind, pause_s, random.choice(PRODUCT), dial={"wire": random.choice(_WIRES)})
            case "fault":
                yield Blow(kind, pause_s, dial=_fault(random))
            case _:
                mode = {"vendor": random.choice(TELLING), "mode": random.choice(_MODES), "delay_ms": 1_500}
                yield Blow(kind, pause_s, dial=mode)


def _fault(random: Random) -> dict[str, object]:
    vendor = random.choice(list(_FAULTS))
    operation = random.choice(_FAULTS[vendor])
    return {
        "vendor": vendor,
        "operation": operation,
        "fault": random.choice((*_KINDS, "decline") if operation in _DECLINED else _KINDS),
        "times": random.randrange(1, 4),
        "delay_ms": random.randrange(200, 1_500),
    }
