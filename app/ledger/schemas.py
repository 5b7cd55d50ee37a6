"""What the server itself enforces on every write to the ledger: money is Decimal128 within its bound, kinds are fixed.

The code checks all of this first; the validators are there for the writes that do not go through the code. On the
collections of the hot path they look at what carries money and nothing else: a validator of every field took a sixth of
the server's time there.
"""

from typing import Any

from bson.decimal128 import Decimal128

_BOUND = Decimal128("1E+33")
_NEGATIVE_BOUND = Decimal128("-1E+33")

_TEXT = {"bsonType": "string", "minLength": 1, "maxLength": 200}
_OPTIONAL_TEXT = {"bsonType": ["string", "null"], "maxLength": 200}
_COUNT = {"bsonType": ["int", "long"], "minimum": 0}
_BALANCE: dict[str, Any] = {
    "bsonType": "decimal",
    "minimum": _NEGATIVE_BOUND,
    "exclusiveMinimum": True,
    "maximum": _BOUND,
    "exclusiveMaximum": True,
}
_NOT_NEGATIVE = {**_BALANCE, "minimum": Decimal128("0"), "exclusiveMinimum": False}
_POSITIVE = {**_BALANCE, "minimum": Decimal128("0"), "exclusiveMinimum": True}
_DATE = {"bsonType": "date"}
_SIDE = {"enum": ["DR", "CR"]}


def _exactly(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "bsonType": "object",
        "required": sorted(properties),
        "properties": {**properties, **(optional or {})},
        "additionalProperties": False,
    }


def _at_least(properties: dict[str, Any]) -> dict[str, Any]:
    return {"bsonType": "object", "required": sorted(properties), "properties": properties}


ACCOUNT_SCHEMA = _at_least(
    {
        "balance": _BALANCE,
        "held": _NOT_NEGATIVE,
        "limits": _at_least({"min_available": {**_BALANCE, "bsonType": ["decimal", "null"]}}),
        "status": {"enum": ["open", "frozen", "closed"]},
    }
)

TRANSACTION_SCHEMA = _at_least(
    {
        "status": {"enum": ["posted", "pending"]},
        "amount": _POSITIVE,
        "legs": {"bsonType": "array", "minItems": 2, "items": _at_least({"side": _SIDE, "amount": _POSITIVE})},
    }
)

ENTRY_SCHEMA = _at_least({"direction": _SIDE, "amount_snapshot": _POSITIVE, "balance_after": _BALANCE})

HOLD_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "account_id": _TEXT,
        "remaining": _NOT_NEGATIVE,
        "version": {**_COUNT, "minimum": 1},
        "expires_at": {"bsonType": ["date", "null"]},
    }
)

REMAINDER_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "whole": _POSITIVE,
        "refunded": _NOT_NEGATIVE,
        "currency": _TEXT,
        "reversed_by": _OPTIONAL_TEXT,
        "version": {**_COUNT, "minimum": 1},
    }
)

_WINDOW = _exactly({"began_at": _DATE, "amount": _NOT_NEGATIVE, "count": _COUNT})

LIMIT_WINDOW_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "user_id": _TEXT,
        "rail": _TEXT,
        "currency": _TEXT,
        "windows": _exactly({"hour": _WINDOW, "day": _WINDOW, "month": _WINDOW}),
        "version": {**_COUNT, "minimum": 1},
    }
)

OWNER_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "frozen": {"bsonType": "bool"},
        "level": _TEXT,
        "froze": {"bsonType": "array", "items": _TEXT},
        "version": {**_COUNT, "minimum": 1},
    }
)
