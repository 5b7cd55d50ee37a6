"""What the tests of the outbox begin with: the product without third parties, on a clock that stands still."""

from dataclasses import dataclass

from app.clock import ManualClock
from app.runtime import Runtime
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """An open runtime and what it was opened with."""

    runtime: Runtime
    clock: ManualClock
    settings: Settings
