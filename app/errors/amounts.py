"""What is no amount, no currency, or the wrong one."""

from app.errors.tree import Unacceptable


class InvalidAmount(Unacceptable):
    """Not an amount of this currency."""

    code = "invalid-amount"

    def __init__(self, currency: str, reason: str) -> None:
        super().__init__(f"Not an amount of {currency}: {reason}.", currency=currency)


class AmountOutOfBounds(InvalidAmount):
    """Larger than any balance may become."""

    def __init__(self, currency: str) -> None:
        super().__init__(currency, "it is larger than any balance may be")


class UnknownCurrency(Unacceptable):
    """No such asset in the registry, or not one that the tenant offers."""

    code = "unknown-currency"

    def __init__(self, currency: str) -> None:
        shown = currency if len(currency) <= 12 and currency.isascii() and currency.isalnum() else "that"
        super().__init__(f"There is no currency {shown} here.")


class CurrencyMismatch(Unacceptable):
    """Two different currencies where one belongs."""

    code = "currency-mismatch"

    def __init__(self, expected: str, given: str) -> None:
        super().__init__(f"{expected} is expected here, not {given}.", expected=expected, given=given)
