"""What may go together, and beside each other: nothing is overtaken by anything that it shares something with."""

import asyncio
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from app.errors import OutcomeUnresolved, Overloaded
from app.ledger.changes import Change
from app.ledger.gathering import Queue, Waiting

_NAMES = "abcdef"


def waiting(keys: str, book: str = "default") -> Waiting:
    return Waiting(Change(book), asyncio.get_running_loop().create_future(), frozenset(keys))


def queued(*keys: str) -> Queue:
    queue = Queue()
    for each in keys:
        queue.put(waiting(each))
    return queue


def taken(batch: list[Waiting]) -> list[str]:
    return ["".join(sorted(each.keys)) for each in batch]


async def test_what_shares_nothing_with_a_batch_under_way_goes_beside_it() -> None:
    queue = queued("ab", "cd", "ae", "f")
    assert taken(queue.take({"a"}, 10)) == ["cd", "f"]
    assert len(queue) == 2


async def test_what_came_earlier_and_stays_holds_back_what_shares_something_with_it() -> None:
    assert taken(queued("ab", "bc", "cd", "e").take({"a"}, 10)) == ["e"]


async def test_a_share_is_exceeded_by_what_could_not_go_elsewhere_anyway() -> None:
    queue = queued("ax", "ay", "b", "az", "c")
    assert taken(queue.take(set(), 1)) == ["ax", "ay", "az"]
    assert taken(queue.take(set("axyz"), 10)) == ["b", "c"]


async def test_a_batch_is_of_one_book_and_leaves_the_others_in_their_order() -> None:
    queue = Queue()
    for keys, book in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "two")):
        queue.put(waiting(keys, book))
    assert [taken(queue.take(set(), 10)) for _ in range(2)] == [["a", "c"], ["b", "d"]]


async def test_what_nobody_waits_for_any_more_is_passed_over() -> None:
    queue = queued("a", "b")
    left, late = waiting("c"), waiting("d")
    left.answer.cancel()
    late.expire()
    queue.put(left)
    queue.put(late)
    assert taken(queue.take(set(), 10)) == ["a", "b"]
    assert isinstance(late.answer.exception(), Overloaded)


async def test_inside_a_commit_nobody_can_say_what_became_of_a_change_that_is_late() -> None:
    queue = queued("a")
    [late] = queue.take(set(), 10)
    late.expire()
    assert isinstance(late.answer.exception(), OutcomeUnresolved)


@given(st.lists(st.sets(st.sampled_from(_NAMES), min_size=1), max_size=30), st.integers(1, 8), st.data())
async def test_of_two_that_share_something_the_earlier_is_always_done_first(
    keys: list[set[str]], share: int, data: st.DataObject
) -> None:
    queue, numbers = Queue(), count()
    order: dict[int, int] = {}
    for each in keys:
        queue.put(waiting("".join(each)))
    everything = list(queue._waiting)
    under_way: list[list[Waiting]] = []
    while len(queue) or under_way:
        busy = {key for batch in under_way for each in batch for key in each.keys}
        batch = queue.take(busy, share) if len(under_way) < 2 else []
        if batch:
            assert busy.isdisjoint(key for each in batch for key in each.keys)
            under_way.append(batch)
        else:
            for one in under_way.pop(data.draw(st.integers(0, len(under_way) - 1))):
                order[id(one)] = next(numbers)
    for index, early in enumerate(everything):
        for late in everything[index + 1 :]:
            if not early.keys.isdisjoint(late.keys):
                assert order[id(early)] < order[id(late)]
