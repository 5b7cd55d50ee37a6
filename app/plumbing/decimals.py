"""Exact integers in MongoDB: Decimal128 with exponent 0, built from the integer's two 64-bit halves.

A 64-bit integer holds 9.2 units of an 18-decimal coin, and the server turns larger ones into doubles without a word.
Going through the bits instead of through text is half again as fast (IEEE 754-2008 binary integer encoding).
"""

from functools import lru_cache
from struct import Struct
from typing import Any, cast

from bson.decimal128 import Decimal128

_HALVES = Struct("<QQ")
_EXPONENT_ZERO = 6176 << 49
_SIGN = 1 << 63
_LOW = (1 << 64) - 1
_HIGH_COEFFICIENT = (1 << 49) - 1


class _Packed(Decimal128):
    """One that knows its bytes: the driver asks for them at every write, and would put them together each time."""

    __slots__ = ("bid",)

    def __init__(self, high: int, low: int) -> None:
        super().__init__(cast("Any", (high, low)))  # it takes the two halves; its annotation does not say so
        self.bid = _HALVES.pack(low, high)  # type: ignore[misc]  # the slot takes the place of the property


@lru_cache(maxsize=4_096)
def to_decimal128(value: int) -> Decimal128:
    """The integer as a Decimal128 with exponent 0. It must be below 10^34 in size; Money's bound sees to that."""
    magnitude = -value if value < 0 else value
    high = _EXPONENT_ZERO | (magnitude >> 64)
    return _Packed(high | _SIGN if value < 0 else high, magnitude & _LOW)


def from_decimal128(stored: object) -> int:
    """The integer that ``to_decimal128`` stored.

    Raises ValueError for anything else: another type, a fraction, an exponent, NaN or infinity in a money field is
    damage.
    """
    if not isinstance(stored, Decimal128):
        raise ValueError(f"not an integer with exponent 0: {type(stored).__name__}")  # noqa: TRY004 - damage, not misuse
    bits = int.from_bytes(stored.bid, "little")
    high, low = bits >> 64, bits & _LOW
    if high & ~_SIGN & ~_HIGH_COEFFICIENT != _EXPONENT_ZERO:
        raise ValueError(f"not an integer with exponent 0: {stored}")
    magnitude = (high & _HIGH_COEFFICIENT) << 64 | low
    return -magnitude if high & _SIGN else magnitude
