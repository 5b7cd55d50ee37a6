from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from app.errors import LimitExceeded
from app.ledger.limits import Limit, Limits, Period, ReferencePrices, Spending, spend
from app.money import BTC, USD, Money
from tests.ledger.given import usd

AT = datetime(2026, 11, 30, 22, 59, 59, 999_000, tzinfo=UTC)


def pay(minor: int, *limits: Limit) -> Spending:
    return Spending("usr_alice", "transfer", usd(minor), limits)


def limit(period: Period, *, amount: int | None = None, count: int | None = None) -> Limit:
    return Limit("transfer", period, "USD", None if amount is None else usd(amount), count)


@pytest.mark.parametrize(
    ("period", "begin", "end"),
    [
        (Period.HOUR, datetime(2026, 11, 30, 22, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)),
        (Period.DAY, datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_period_is_one_of_the_calendar(period: Period, begin: datetime, end: datetime) -> None:
    assert (period.begin(AT), period.end(AT)) == (begin, end)
    assert (period.begin(begin), period.end(begin)) == (begin, end)
    assert period.begin(end) == end


def test_a_month_ends_with_its_year() -> None:
    assert Period.MONTH.end(datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


COUNTED = (Period.HOUR, Period.DAY, Period.MONTH)


@pytest.mark.parametrize("period", COUNTED)
def test_amounts_add_up_to_the_bound_and_not_beyond(period: Period) -> None:
    daily = limit(period, amount=100)
    used = spend(pay(60, daily), None, AT)
    assert spend(pay(40, daily), used, AT)["version"] == 2
    with pytest.raises(LimitExceeded, match=f"transfer amount per {period} of 1.00 would be exceeded; 0.60 are used"):
        spend(pay(41, daily), used, AT)


@pytest.mark.parametrize("period", COUNTED)
def test_payments_are_counted_up_to_the_bound(period: Period) -> None:
    twice = limit(period, count=2)
    used = spend(pay(1, twice), spend(pay(1, twice), None, AT), AT)
    with pytest.raises(LimitExceeded, match=f"transfer count per {period} of 2"):
        spend(pay(1, twice), used, AT)
    assert spend(pay(1, twice), used, period.end(AT))["windows"][period]["count"] == 1


def test_a_longer_period_goes_on_when_a_shorter_one_begins_again() -> None:
    hourly, daily = limit(Period.HOUR, amount=100), limit(Period.DAY, amount=150)
    used = spend(pay(100, hourly, daily), None, AT)
    later = AT + timedelta(hours=1)
    assert spend(pay(50, hourly, daily), used, later)
    with pytest.raises(LimitExceeded, match="per day"):
        spend(pay(51, hourly, daily), used, later)


def test_the_first_limit_that_does_not_allow_it_is_named() -> None:
    with pytest.raises(LimitExceeded, match="per month"):
        spend(pay(9, limit(Period.MONTH, amount=8), limit(Period.HOUR, count=0)), None, AT)


# Levels.


def at_level(rail: str = "transfer") -> Limits:
    """A standard and a generous level, of 100 and 500 dollars a day, and 60 dollars at once."""
    once = Limit(rail, Period.TRANSACTION, "USD", usd(60_00))
    standard = (once, Limit(rail, Period.DAY, "USD", usd(100_00)))
    generous = (once, Limit(rail, Period.DAY, "USD", usd(500_00)))
    prices = ReferencePrices(USD, {"BTC": Fraction(100_000)})
    return Limits((), {"standard": standard, "generous": generous}, prices)


def paid(amount: Money) -> Spending:
    [spending] = Spending.of("usr_alice", "transfer", amount, at_level())
    return spending


def test_a_level_counts_every_asset_at_its_price_rounded_up() -> None:
    assert paid(Money(50_000, BTC)).amount == usd(50_00)
    assert paid(Money(1, BTC)).amount == usd(1)
    used = spend(paid(Money(50_000, BTC)), None, AT)
    with pytest.raises(LimitExceeded) as refused:
        spend(paid(usd(50_01)), used, AT)
    assert {name: refused.value.facts[name] for name in ("rail", "period", "left", "currency")} == {
        "rail": "transfer",
        "period": "day",
        "left": "50.00",
        "currency": "USD",
    }
    assert spend(paid(usd(50_01)), used, AT, "generous")["version"] == 2


def test_one_transaction_has_a_bound_of_its_own() -> None:
    with pytest.raises(LimitExceeded, match=r"transfer amount per transaction of 60\.00") as refused:
        spend(paid(usd(60_01)), None, AT, "generous")
    assert refused.value.facts["resets_at"] is None


def test_a_level_that_is_no_longer_configured_is_the_standard_one() -> None:
    used = spend(paid(usd(60_00)), None, AT)
    with pytest.raises(LimitExceeded):
        spend(paid(usd(60_00)), used, AT, "forgotten")


def test_what_a_level_used_and_what_a_currency_used_are_kept_apart() -> None:
    both = Limits((Limit("transfer", Period.DAY, "USD", usd(1)),), at_level().levels, at_level().reference)
    assert len({each.window_id("default") for each in Spending.of("usr_alice", "transfer", usd(1), both)}) == 2
    assert Spending.of("usr_alice", "trade", usd(1), both) == ()
