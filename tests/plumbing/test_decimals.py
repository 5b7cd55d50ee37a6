from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from app.money import MINOR_BOUND
from app.plumbing.decimals import from_decimal128, to_decimal128

within_bounds = st.integers(1 - MINOR_BOUND, MINOR_BOUND - 1)


@given(within_bounds)
def test_an_integer_comes_back_exactly_through_bson(value: int) -> None:
    stored = bson.decode(bson.encode({"amount": to_decimal128(value)}))["amount"]
    assert from_decimal128(stored) == value


@given(within_bounds)
def test_the_bits_are_those_that_the_driver_makes_from_text(value: int) -> None:
    assert to_decimal128(value) == Decimal128(str(value))
    assert to_decimal128(value).to_decimal() == Decimal(value)


@pytest.mark.parametrize("value", [0, 1, -1, 2**63, -(2**63), 2**64 - 1, 2**64, MINOR_BOUND - 1, 1 - MINOR_BOUND])
def test_the_edges_of_both_halves_come_back_exactly(value: int) -> None:
    assert from_decimal128(to_decimal128(value)) == value


@pytest.mark.parametrize(
    "damage",
    [
        Decimal128("1.5"),
        Decimal128("1.0"),
        Decimal128("1E+3"),
        Decimal128("1E-3"),
        Decimal128("NaN"),
        Decimal128("sNaN"),
        Decimal128("Infinity"),
        Decimal128("-Infinity"),
        1,
        1.5,
        "1",
        None,
        True,
    ],
    ids=repr,
)
def test_whatever_is_no_whole_number_in_a_money_field_is_damage(damage: Any) -> None:
    with pytest.raises(ValueError, match="not an integer with exponent 0"):
        from_decimal128(damage)
