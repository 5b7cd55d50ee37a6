"""A circuit breaker: a vendor that has not answered for a while is left alone, and asked now and then by one call.

What it refuses has not been sent, so it is definitely not done. Any answer shows that the vendor is there, a refusal
just as well; only silence, broken answers and failures of the vendor's own count against it.
"""

from datetime import timedelta

import structlog

from app.clock import Clock
from app.providers.outcomes import Unavailable

FAILURES_MAX = 20
"""Calls in a row that may fail before the rest begins."""

_log = structlog.get_logger()


class Circuit:
    """Closed while the vendor answers; else open for ``rest`` at a time, after each of which one call goes through."""

    def __init__(self, provider: str, clock: Clock, *, rest: timedelta) -> None:
        self._provider = provider
        self._clock = clock
        self._rest = rest
        self._failures = 0
        self._rests_from = clock.now()

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused."""
        return self._failures >= FAILURES_MAX

    def admit(self) -> None:
        """Let a call through, or raise Unavailable with the rest of the rest.

        The call that is let through while the circuit is open begins the next rest: if nobody ever hears of it again,
        because it was cancelled, another one follows.
        """
        if not self.is_open:
            return
        now = self._clock.now()
        if self._rests_from <= now < self._rests_from + self._rest:  # a clock that was set back ends the rest
            left = self._rests_from + self._rest - now
            raise Unavailable(self._provider, "circuit-open", left.total_seconds())
        self._rests_from = now

    def heard(self, *, well: bool) -> None:
        """What came of a call: an answer, or none that anybody but a vendor in trouble gives."""
        if well:
            if self.is_open:
                _log.warning("circuit-closed", provider=self._provider)
            self._failures = 0
            return
        self._failures += 1
        if self.is_open:
            self._rests_from = self._clock.now()
        if self._failures == FAILURES_MAX:
            _log.warning("circuit-opened", provider=self._provider, count=self._failures)
