"""The call log: what each vendor was asked since this process started, and what it answered."""

from collections import deque
from typing import Any

from app.clock import Clock, rfc3339

KEPT_MAX = 10_000

Call = dict[str, Any]


class Calls:
    """The last ``KEPT_MAX`` calls, oldest first. It is for people and tests: no vendor decides anything by it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Call] = deque(maxlen=KEPT_MAX)

    def begin(self, *, vendor: str, operation: str, correlation_id: str | None, idempotency_key: str | None) -> Call:
        """Log a call as it arrives; what ``end`` wants back."""
        call = {
            "vendor": vendor,
            "operation": operation,
            "at": self._clock.now(),
            "correlation_id": correlation_id,
            "idempotency_key": idempotency_key,
            "fault": None,
            "status": None,
        }
        self._kept.append(call)
        return call

    def end(self, call: Call, *, status: int | None, fault: str | None) -> None:
        """Log how the call ended. ``status`` is None when nothing was done and nothing answered."""
        call.update(status=status, fault=fault)

    def of(self, vendor: str, operation: str | None = None) -> list[dict[str, Any]]:
        return [
            {
                "operation": call["operation"],
                "at": rfc3339(call["at"]),
                "correlation_id": call["correlation_id"],
                "idempotency_key": call["idempotency_key"],
                "status": call["status"],
                "fault": call["fault"],
            }
            for call in self._kept
            if call["vendor"] == vendor and operation in {None, call["operation"]}
        ]

    def forget(self) -> None:
        """Begin anew."""
        self._kept.clear()
