"""What the server itself enforces on every write to the ledger: money is Decimal128 within its bound, kinds are fixed.

The code checks all of this first; the validators are there for the writes that do not go through the code.
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
_HASH = {"bsonType": "string", "minLength": 64, "maxLength": 64}
_SIDE = {"enum": ["DR", "CR"]}


def _exactly(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "bsonType": "object",
        "required": sorted(properties),
        "properties": {**properties, **(optional or {})},
        "additionalProperties": False,
    }


ACCOUNT_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "book": _TEXT,
        "user_id": _OPTIONAL_TEXT,
        "name": {"bsonType": "string", "maxLength": 200},
        "role": _TEXT,
        "currency": _TEXT,
        "balance": _BALANCE,
        "held": _NOT_NEGATIVE,
        "limits": _exactly({"min_available": {**_BALANCE, "bsonType": ["decimal", "null"]}}),
        "status": {"enum": ["open", "frozen", "closed"]},
        "seq": _COUNT,
        "version": _COUNT,
        "last_transaction_id": _OPTIONAL_TEXT,
        "updated_at": _DATE,
    }
)

TRANSACTION_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "book": _TEXT,
        "kind": _TEXT,
        "status": {"enum": ["posted", "pending"]},
        "source_account_id": _TEXT,
        "dest_account_id": _TEXT,
        "amount": _POSITIVE,
        "currency": _TEXT,
        "legs": {
            "bsonType": "array",
            "minItems": 2,
            "maxItems": 128,
            "items": _exactly(
                {"account_id": _TEXT, "side": _SIDE, "amount": _POSITIVE, "currency": _TEXT}, optional={"seq": _COUNT}
            ),
        },
        "hold_ids": {"bsonType": "array", "maxItems": 8, "items": _TEXT},
        "closes_holds": {"bsonType": "bool"},
        "reverses": _OPTIONAL_TEXT,
        "saga_id": _OPTIONAL_TEXT,
        "metadata": {"bsonType": "object", "maxProperties": 20},
        "fingerprint": {"bsonType": "string", "minLength": 64, "maxLength": 64},
        "position": _exactly({"stream": _TEXT, "n": _COUNT, "i": _COUNT}),
        "timestamp": _DATE,
    },
    optional={"expires_at": _DATE, "tags": {"bsonType": "array", "maxItems": 128 * 20, "items": _TEXT}},
)

ENTRY_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "transaction_id": _TEXT,
        "account_id": _TEXT,
        "direction": _SIDE,
        "amount_snapshot": _POSITIVE,
        "seq": {**_COUNT, "minimum": 1},
        "balance_after": _BALANCE,
        "timestamp": _DATE,
    }
)

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

BLOCK_SCHEMA = _exactly(
    {
        "_id": _TEXT,
        "stream": _TEXT,
        "n": {**_COUNT, "minimum": 1},
        "prev_hash": _HASH,
        "root": _HASH,
        "transaction_ids": {"bsonType": "array", "maxItems": 20_000, "items": _TEXT},
        "at": _DATE,
        "hash": _HASH,
        "token": _TEXT,
    }
)
