"""Amounts at a price, exact, and rounded once: what the customer gets down, what they pay up. Pure.

A price is that of one whole unit of the coin. Raises InvalidAmount where nothing is left of an amount.
"""

from decimal import Decimal
from fractions import Fraction

from app.errors import InvalidAmount
from app.money import Asset, Money


def coins_for(spent_minor: int, currency: Asset, base: Asset, price: Decimal) -> Money:
    """The coins that so many minor units of the currency buy, fees taken off already."""
    if spent_minor <= 0:
        raise InvalidAmount(currency.code, "it does not cover the fees")
    exact = Fraction(spent_minor, currency.one) / Fraction(price) * base.one
    bought = Money(exact.numerator // exact.denominator, base)
    if not bought:
        raise InvalidAmount(currency.code, f"it buys less than the smallest unit of {base.code}")
    return bought


def proceeds_of(coins: Money, currency: Asset, price: Decimal) -> Money:
    """What those coins are sold for, before any fee."""
    exact = _value(coins, currency, price)
    return Money(exact.numerator // exact.denominator, currency)


def cost_of(coins: Money, currency: Asset, price: Decimal | Fraction) -> Money:
    """What those coins are charged at."""
    exact = _value(coins, currency, price)
    return Money(-(-exact.numerator // exact.denominator), currency)


def _value(coins: Money, currency: Asset, price: Decimal | Fraction) -> Fraction:
    return Fraction(coins.minor, coins.asset.one) * Fraction(price) * currency.one
