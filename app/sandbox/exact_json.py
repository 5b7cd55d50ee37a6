"""JSON with exact numbers: a Decimal is read from and written as the digits that were on the wire."""

import json
from decimal import Decimal
from typing import Any

_plain = json.JSONEncoder(ensure_ascii=False).encode


def read(text: bytes | str) -> Any:
    """Parse JSON, with fractions as Decimal. Raises ValueError, for NaN and Infinity too."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def write(value: Any) -> str:
    """Compact JSON, non-ASCII kept. A float is refused: no simulator calculates with one."""
    match value:
        case None | bool() | int() | str():
            return _plain(value)
        case Decimal():
            return format(value, "f")
        case dict():
            return "{" + ",".join(f"{write(str(key))}:{write(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(write, value)) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no exact JSON form")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
