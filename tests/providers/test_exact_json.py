"""JSON in which no number passes through a float."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers import exact_json

NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=18)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_is_read_back_the_same(value: object) -> None:
    assert exact_json.loads(exact_json.dumps(value)) == value


@given(VALUES)
def test_what_is_written_is_json_to_everybody(value: object) -> None:
    json.loads(exact_json.dumps(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        ({"a": [True, None, "\u00e9\n"]}, '{"a":[true,null,"\u00e9\\n"]}'),
    ],
)
def test_numbers_are_written_digit_for_digit(value: object, text: str) -> None:
    assert exact_json.dumps(value) == text


@pytest.mark.parametrize("value", [0.1, {"a": [1.0]}, b"bytes", {1}])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        exact_json.dumps(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_number_in_json_is_refused(value: Decimal) -> None:
    with pytest.raises(ValueError, match="no such number"):
        exact_json.dumps(value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "{", "", "[" * 100_000, b"\xff", "1" * 5_000])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        exact_json.loads(text)
