"""Step-up: large amounts move only for somebody who has just proved again that it is them (RFC 9470)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.clock import Clock
from app.errors import AuthenticationInsufficient
from app.money import Money


@dataclass(frozen=True, slots=True)
class Authentication:
    """How and when a person proved who they are, as their token says: seconds since 1970, and the class of proof."""

    at_s: int | None = None
    acr: str = ""


UNKNOWN = Authentication()
"""The token does not say."""


class StepUp:
    """From which amounts on, by currency code, how fresh an authentication must be, and of which classes.

    No classes: any will do. A currency without an amount needs none.
    """

    def __init__(
        self, clock: Clock, amounts: Mapping[str, Money], *, max_age_s: int = 300, acr_values: tuple[str, ...] = ()
    ) -> None:
        self._clock = clock
        self._amounts = amounts
        self._max_age_s = max_age_s
        self._acr_values = acr_values

    def require(self, authentication: Authentication, moved: Iterable[Money]) -> None:
        """Raise AuthenticationInsufficient if one of the amounts is at least its currency's, and the proof is not."""
        if any(self._is_large(amount) for amount in moved) and not self._suffices(authentication):
            raise AuthenticationInsufficient(self._max_age_s, self._acr_values)

    def _is_large(self, amount: Money) -> bool:
        bound = self._amounts.get(amount.asset.code)
        return bound is not None and bound <= amount

    def _suffices(self, authentication: Authentication) -> bool:
        if authentication.at_s is None or (self._acr_values and authentication.acr not in self._acr_values):
            return False
        return self._clock.now().timestamp() - authentication.at_s <= self._max_age_s
