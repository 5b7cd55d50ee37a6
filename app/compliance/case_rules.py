"""Which decisions fit which kind of case, and which need two officers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.errors import DecisionUnfit
from app.ledger.changes import Document
from app.ledger.limits import Threshold
from app.money import Money, asset
from app.plumbing.decimals import from_decimal128

SCREENING_HIT = "screening-hit"
MONITORING = "monitoring"

RELEASE, REJECT = "release", "reject"

_USUAL = ("resolved", "dismissed")
DECISIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {SCREENING_HIT: (RELEASE, REJECT), MONITORING: ("dismissed", "reported", "resolved")}
)
"""By kind; any other kind is looked at, and then resolved or dismissed."""


def decisions_of(kind: str) -> tuple[str, ...]:
    """What a case of that kind may be decided as."""
    return DECISIONS.get(kind, _USUAL)


def require_fit(case: Document, decision: str) -> None:
    """Raise DecisionUnfit unless a case of that kind may be decided like that."""
    fitting = decisions_of(case["kind"])
    if decision not in fitting:
        raise DecisionUnfit(decision, ", ".join(fitting))


@dataclass(frozen=True, slots=True)
class FourEyes:
    """Cases about more than a threshold are decided by two officers."""

    threshold: Threshold

    def needed(self, case: Document) -> bool:
        """Whether two must agree; a case about no amount is decided by one."""
        if "amount" not in case:
            return False
        return self.threshold.is_passed_by(Money(from_decimal128(case["amount"]), asset(case["currency"])))
