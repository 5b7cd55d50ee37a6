from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import AmountOutOfBounds, CurrencyMismatch, InvalidAmount, UnknownCurrency
from app.money import ASSETS, BTC, MINOR_BOUND, USD, Asset, Money, asset

JPY, ETH = ASSETS["JPY"], ASSETS["ETH"]

assets = st.sampled_from(sorted(ASSETS.values(), key=lambda each: each.code))
minors = st.integers(1 - MINOR_BOUND, MINOR_BOUND - 1)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0", USD, 0),
        ("0.00", USD, 0),
        ("0.01", USD, 1),
        ("12.3", USD, 1230),
        ("12.34", USD, 1234),
        ("100", USD, 10_000),
        ("7", JPY, 7),
        ("0.00000001", BTC, 1),
        ("21000000", BTC, 2_100_000_000_000_000),
        ("9.300000000000000001", ETH, 9_300_000_000_000_000_001),  # beyond 64 bits
        ("9" * 31 + ".99", USD, MINOR_BOUND - 1),
        ("9" * 33, JPY, MINOR_BOUND - 1),
    ],
)
def test_an_amount_in_plain_digits_is_read_exactly(text: str, currency: Asset, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", ".5", "5.", "1..2", "1.2.3"),
        *("-1", "+1", "-0", "1e5", "1E5", "1e-2", "NaN", "nan", "Infinity", "inf"),
        *(" 1", "1 ", "1\n", "\t1", "1 000", "1_000", "1,000", "1,00", "0x10", "$1", "1 USD", "ten"),
        *("01", "00", "00.1", "01.00"),
        *("\uff11.00", "\uff11", "٣", "१", "²", "½", "1.\uff100", "1\u00a0000", "1\uff0e00"),
        *("1.001", "0.000", "12.345"),
        *("1" * 34, "1" * 40, "0." + "0" * 31, "1\x00"),
    ],
)
def test_an_amount_in_any_other_shape_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        Money.parse(text, USD)
    assert refusal.value.code == "invalid-amount"


@pytest.mark.parametrize(("text", "currency"), [("1.0", JPY), ("0.000000001", BTC), ("0.0000000000000000001", ETH)])
def test_digits_beyond_the_scale_of_the_asset_are_refused_not_rounded(text: str, currency: Asset) -> None:
    with pytest.raises(InvalidAmount, match="digits behind the point"):
        Money.parse(text, currency)


@pytest.mark.parametrize(("text", "currency"), [("1" + "0" * 31, USD), ("9" * 33, BTC), ("1" + "0" * 15, ETH)])
def test_an_amount_beyond_the_bound_is_refused(text: str, currency: Asset) -> None:
    with pytest.raises(AmountOutOfBounds):
        Money.parse(text, currency)


@given(minors.map(abs), assets)
def test_what_is_printed_is_read_back_the_same(minor: int, currency: Asset) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money


@given(st.text(alphabet="0123456789.-+eE_ ,\uff11٣", max_size=12), assets)
def test_whatever_is_accepted_is_printed_back_as_it_was_given(text: str, currency: Asset) -> None:
    try:
        money = Money.parse(text, currency)
    except InvalidAmount:
        return
    whole, _, fraction = text.partition(".")
    full = f"{whole}.{fraction.ljust(currency.scale, '0')}" if currency.scale else whole
    assert str(money) == full


@given(minors, minors, assets)
def test_sums_are_those_of_integers_or_out_of_bounds(left: int, right: int, currency: Asset) -> None:
    if abs(left + right) < MINOR_BOUND:
        assert (Money(left, currency) + Money(right, currency)).minor == left + right
    else:
        with pytest.raises(AmountOutOfBounds):
            Money(left, currency) + Money(right, currency)


@pytest.mark.parametrize(("minor", "text"), [(-1, "-0.01"), (-1230, "-12.30"), (0, "0.00"), (5, "0.05")])
def test_a_printed_amount_has_the_full_scale_and_its_sign(minor: int, text: str) -> None:
    assert str(Money(minor, USD)) == text


@pytest.mark.parametrize("minor", [MINOR_BOUND, -MINOR_BOUND])
def test_money_at_the_bound_cannot_be_built(minor: int) -> None:
    with pytest.raises(AmountOutOfBounds):
        Money(minor, USD)


@pytest.mark.parametrize(
    "combine",
    [
        lambda left, right: left + right,
        lambda left, right: left - right,
        lambda left, right: left < right,
        lambda left, right: left <= right,
        lambda left, right: left > right,
        lambda left, right: left >= right,
    ],
)
def test_two_currencies_never_mix(combine: Any) -> None:
    with pytest.raises(CurrencyMismatch):
        combine(Money(1, USD), Money(1, BTC))


def test_the_same_number_of_another_asset_is_another_amount() -> None:
    assert Money(1, USD) != Money(1, BTC)
    assert -Money(1, USD) + Money(1, USD) == Money(0, USD)
    assert not Money(0, USD)
    assert Money(1, USD)


@pytest.mark.parametrize("code", ["", "usd", "XXX", "USD ", "\uff35\uff33\uff24", "$where", "U" * 500])
def test_an_unknown_currency_is_refused_without_repeating_what_was_sent(code: str) -> None:
    with pytest.raises(UnknownCurrency) as refusal:
        asset(code)
    assert len(refusal.value.sentence) < 60


def test_every_asset_is_registered_under_its_own_code() -> None:
    assert {code: each.code for code, each in ASSETS.items()} == {code: code for code in ASSETS}
    assert asset("USD") is USD


@pytest.mark.parametrize(
    ("scale", "codes"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_the_currencies_without_cents_are_these(scale: int, codes: str) -> None:
    """ISO 4217, list one; all others have two digits."""
    assert {each.code for each in ASSETS.values() if each.kind == "fiat" and each.scale == scale} == set(codes.split())


def test_fiat_codes_are_three_capitals_and_their_exponents_those_of_the_standard() -> None:
    fiat = [each for each in ASSETS.values() if each.kind == "fiat"]
    assert len(fiat) == 165
    assert {each.scale for each in fiat} == {0, 2, 3, 4}
    assert all(len(each.code) == 3 and each.code.isalpha() and each.code.isupper() for each in fiat)


@pytest.mark.parametrize("code", ["BGN", "HRK", "ANG", "ZWL", "CUC", "SLL", "DEM", "XAU", "XTS", "XDR"])
def test_a_currency_that_is_gone_or_has_no_minor_unit_is_not_registered(code: str) -> None:
    assert code not in ASSETS


def test_eighteen_decimals_are_exact() -> None:
    assert str(Money.parse("123456789012345.000000000000000001", ETH)) == "123456789012345.000000000000000001"
    assert str(Money.parse("1.0001", ASSETS["CLF"])) == "1.0001"
    assert str(Money.parse("0.001", ASSETS["KWD"])) == "0.001"
