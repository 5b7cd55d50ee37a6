"""The three words in which every provider answers when a call did not simply succeed.

    ProviderOutcome
    ├── Declined         a definite no: nothing happened, and asking again would not help
    ├── Unavailable      definitely not done: the same call may be made again later
    └── OutcomeUnknown   sent, and no intelligible answer: look it up by our reference, never resend blindly

They are not refusals of ours, so they stand outside the tree of app/errors; whoever drives a saga turns them into
its next state. ``reason`` is a code of the vendor's or ours, never a sentence and never personal data.
"""

import re

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def code_of(value: object, otherwise: str) -> str:
    """The vendor's code if it is shaped like one, else ``otherwise``: free text may carry personal data."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else otherwise


class ProviderOutcome(Exception):
    """A provider call that did not simply succeed."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class Declined(ProviderOutcome):
    """A definite no: nothing happened, and a retry would not help."""


class Unavailable(ProviderOutcome):
    """Definitely not done. ``retry_after_s`` is the vendor's own wish, in seconds, where it uttered one."""

    def __init__(self, provider: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(provider, reason)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(ProviderOutcome):
    """Sent, without an intelligible answer; it must be looked up."""


_RETRY_AFTER_S_MAX = 3600.0


def refusal_of(
    provider: str, status: int, *, code: str | None, safe: bool, retry_after: str | None = None
) -> ProviderOutcome:
    """The outcome that an HTTP status other than success means, for vendors without a rule of their own.

    ``code`` is the vendor's error code, or None where the body is not an error of the vendor's making: then some
    box on the way has answered, and nobody knows what happened behind it. ``safe`` calls may be made again without
    harm, so for them not knowing is the same as not done.
    """
    if status == 429:
        return Unavailable(provider, "rate-limited", _seconds(retry_after))
    if status in {401, 403}:
        return Unavailable(provider, "unauthorized")
    if 400 <= status < 500 and status != 408 and code is not None:
        return Declined(provider, code)
    return lost(provider, f"http-{status}", safe=safe, retry_after_s=_seconds(retry_after))


def lost(provider: str, reason: str, *, safe: bool, retry_after_s: float | None = None) -> ProviderOutcome:
    """The outcome of a call that was sent and not intelligibly answered."""
    return Unavailable(provider, reason, retry_after_s) if safe else OutcomeUnknown(provider, reason)


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds, bounded; its other form, a date, is not worth a clock."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return None
    return min(float(retry_after[:6]), _RETRY_AFTER_S_MAX)
