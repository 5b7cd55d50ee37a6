"""JSON without floats: fractions are Decimals on the way in and on the way out.

The standard encoder cannot write a Decimal, and a detour through float would send 0.1 + 0.2 of a coin.
"""

import json
from decimal import Decimal
from typing import Any


def loads(text: bytes | str) -> Any:
    """Parse JSON; numbers with a point or exponent become Decimal. Raises ValueError, for NaN and infinities too."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: object) -> str:
    """Compact JSON text. A Decimal is written as a number, digit for digit; a float is refused with TypeError."""
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    if value is None or isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False)
    raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("JSON has no such number")
    return format(value, "f")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
