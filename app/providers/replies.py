"""A vendor's answer, and the one place where an unintelligible one gets its outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import WalletError
from app.providers.outcomes import ProviderOutcome, lost, refusal_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. ``body`` is parsed JSON (None where there was none), ``headers`` have lower-case names.

    ``code`` is the vendor's error code: None for a success, and for an error that is not of the vendor's making.
    """

    provider: str
    safe: bool
    status: int
    body: Any
    headers: Mapping[str, str]
    code: str | None

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    def read(self, parse: Callable[[Any], T]) -> T:
        """Parse the body; one that cannot be read is Unavailable for a safe call and OutcomeUnknown for any other."""
        try:
            return parse(self.body)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, WalletError):
            # Without its cause: a parser's complaint repeats what it could not read.
            raise lost(self.provider, "unintelligible", safe=self.safe) from None

    def refusal(self) -> ProviderOutcome:
        """The outcome this status means by the common rule."""
        retry_after = self.headers.get("retry-after")
        return refusal_of(self.provider, self.status, code=self.code, safe=self.safe, retry_after=retry_after)
