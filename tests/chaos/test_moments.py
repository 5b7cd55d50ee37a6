"""Where processes are to die: the least covered moment first, and somebody who leads there."""

from collections import Counter

import pytest

from tests.chaos.coverage import Coverage
from tests.chaos.moments import AFTER, BEFORE, ENOUGH, Moment, expected, least_covered
from tests.chaos.orders import MAKERS
from tests.chaos.provocations import COINS, NEVER, NEWCOMER, SALE, provocation_of, reachable, why_never

NAMES = list(dict.fromkeys(moment.what for moment in expected()))


@pytest.mark.parametrize("name", NAMES)
def test_every_moment_of_every_registered_flow_is_provoked_or_never_comes_for_a_reason(name: str) -> None:
    assert why_never(name) or provocation_of(name).way in {*MAKERS, NEWCOMER, COINS, SALE}


def test_every_reason_is_that_of_a_moment() -> None:
    assert all(any(name.startswith(beginning) for name in NAMES) for beginning in NEVER)


def test_the_least_covered_moments_come_first_and_equals_in_their_order() -> None:
    a, b, c = (Moment(name, when) for name, when in (("a", BEFORE), ("b", AFTER), ("c", BEFORE)))
    assert least_covered([a, b, c], Counter({a: 2, b: 1}), 3) == [c, b, a]
    assert least_covered([a, b, c], Counter({a: 1}), 2) == [b, c]


def test_what_was_met_often_enough_is_not_lain_in_wait_for_any_more_until_everything_was() -> None:
    coverage = Coverage("any")
    first, *others = coverage.wanting()
    coverage.died_at[first] = ENOUGH
    assert set(coverage.wanting()) == set(others)
    coverage.died_at.update(dict.fromkeys(others, ENOUGH))
    assert set(coverage.wanting()) == {first, *others}


def test_what_leads_where_nobody_has_died_is_done_first_and_the_rest_in_its_turn() -> None:
    coverage = Coverage("any")
    sales = [moment for moment in reachable() if moment.what.startswith("sale.")]
    coverage.died_at.update(dict.fromkeys((each for each in reachable() if each not in sales), 1))
    sale = provocation_of("sale.convert do done")
    done = [coverage.provocation() for _ in range(10)]
    assert done[:4] == [sale] * 4
    assert len(set(done[4:])) == 6


def test_a_summary_tells_how_many_sides_are_below_the_bound() -> None:
    coverage = Coverage("any")
    sides = coverage.wanting()
    coverage.died_at.update({sides[0]: 1, sides[1]: ENOUGH})
    assert str(coverage) == f"{len(sides)} sides: 2 met, 1 {ENOUGH} times or more, {len(sides) - 1} less often"


def test_what_never_comes_is_not_waited_for() -> None:
    assert {moment.what for moment in reachable()} == {name for name in NAMES if not why_never(name)}
