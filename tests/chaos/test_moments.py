"""Where processes are to die: the least covered moment first, and somebody who leads there."""

from collections import Counter

import pytest

from tests.chaos.moments import AFTER, BEFORE, Moment, expected, least_covered
from tests.chaos.orders import MAKERS
from tests.chaos.provocations import COINS, NEVER, NEWCOMER, provocation_of, reachable, why_never

NAMES = list(dict.fromkeys(moment.what for moment in expected()))


@pytest.mark.parametrize("name", NAMES)
def test_every_moment_of_every_registered_flow_is_provoked_or_never_comes_for_a_reason(name: str) -> None:
    assert why_never(name) or provocation_of(name).way in {*MAKERS, NEWCOMER, COINS}


def test_every_reason_is_that_of_a_moment() -> None:
    assert all(any(name.startswith(beginning) for name in NAMES) for beginning in NEVER)


def test_the_least_covered_moments_come_first_and_equals_in_their_order() -> None:
    a, b, c = (Moment(name, when) for name, when in (("a", BEFORE), ("b", AFTER), ("c", BEFORE)))
    assert least_covered([a, b, c], Counter({a: 2, b: 1}), 3) == [c, b, a]
    assert least_covered([a, b, c], Counter({a: 1}), 2) == [b, c]


def test_what_never_comes_is_not_waited_for() -> None:
    assert {moment.what for moment in reachable()} == {name for name in NAMES if not why_never(name)}
