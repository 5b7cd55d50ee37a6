"""Single fields of Tatum's JSON. Everything raises as parsers do; nothing passes through a float."""

from decimal import Decimal
from typing import Any

from app.money import Asset, Money


def text(value: Any) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value:
        raise TypeError("text is expected")
    return value


def block_number(value: Any) -> int:
    """A block's number, told as a number or as digits."""
    number = int(value) if isinstance(value, str) else value
    if type(number) is not int or number < 0:
        raise TypeError("a block number is expected")
    return number


def quantity(value: Any) -> int:
    """A whole number of smallest units: JSON integer, decimal digits, or web3's hexadecimal."""
    if isinstance(value, str):
        hexadecimal = value.startswith("0x")
        digits = value[2:] if hexadecimal else value
        if not digits.isascii() or not digits.isalnum():
            raise ValueError("digits are expected")
        value = int(digits, 16 if hexadecimal else 10)
    if type(value) is not int or value < 0:
        raise TypeError("a whole number is expected")
    return value


def coins(value: Any, coin: Asset) -> Money:
    """An amount by the rule of the UTXO chains: a JSON integer counts smallest units, everything else whole coins."""
    if type(value) is int:  # bool is an int
        if value < 0:
            raise ValueError("a negative amount")
        return Money(value, coin)
    return whole_coins(value, coin)


def whole_coins(value: Any, coin: Asset) -> Money:
    """An amount told in whole coins, as text or as an exact number."""
    if type(value) is int:
        value = str(value)
    return Money.parse(format(value, "f") if isinstance(value, Decimal) else value, coin)


def depth(block: int | None, height: int | None) -> int:
    """How many blocks deep, its own counted; a height behind the block confirms nothing."""
    return 0 if block is None or height is None else max(0, height - block + 1)
