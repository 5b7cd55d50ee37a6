from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import ManualClock, SystemClock, rfc3339, whole_milliseconds

START = datetime(2026, 11, 20, 5, tzinfo=UTC)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(120 * 86_400)
    assert clock.now() == START + timedelta(days=120)


def test_a_clock_never_runs_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock(START).advance(-0.001)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_cut_to_the_milliseconds_that_the_database_keeps(moment: datetime) -> None:
    cut = whole_milliseconds(moment)
    assert cut.microsecond % 1000 == 0
    assert timedelta(0) <= moment - cut < timedelta(milliseconds=1)
    assert ManualClock(moment).now() == cut


def test_the_system_clock_tells_utc_in_whole_milliseconds() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 11, 20, 7, 0, 0, 120_999, tzinfo=east)) == "2026-11-20T05:00:00.120Z"
