"""Look-ups of one moment are one query; each gets its own answer, and a failure is told to those who asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from app.plumbing.gathered import Gathered


class Shelf:
    """Things under keys, and the queries it was asked."""

    def __init__(self) -> None:
        self.queries: list[list[str]] = []
        self.burning = False

    async def fetch(self, keys: list[str]) -> Mapping[str, int]:
        self.queries.append(keys)
        await asyncio.sleep(0)
        if self.burning:
            raise OSError("the shelf burns")
        return {key: len(key) for key in keys if key != "lost"}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def gathered(shelf: Shelf) -> AsyncIterator[Gathered[int]]:
    gathered = Gathered(shelf.fetch)
    async with asyncio.TaskGroup() as group:
        group.create_task(gathered.run())
        await asyncio.sleep(0)
        yield gathered
        gathered.close()


async def test_a_moments_look_ups_are_one_query_and_each_gets_its_own_answer(
    shelf: Shelf, gathered: Gathered[int]
) -> None:
    asked = ["a", "bb", "lost", "a", "ccc"]
    assert await asyncio.gather(*(gathered.get(key) for key in asked)) == [1, 2, None, 1, 3]
    assert shelf.queries == [["a", "bb", "lost", "ccc"]]


async def test_a_query_is_bounded(shelf: Shelf, gathered: Gathered[int]) -> None:
    await asyncio.gather(*(gathered.get(f"{number:03}") for number in range(600)))
    assert [len(keys) for keys in shelf.queries] == [256, 256, 88]


async def test_a_failure_is_told_to_everybody_who_asked_and_the_next_are_served(
    shelf: Shelf, gathered: Gathered[int]
) -> None:
    shelf.burning = True
    told = await asyncio.gather(gathered.get("a"), gathered.get("b"), return_exceptions=True)
    assert [type(each) for each in told] == [OSError, OSError]
    shelf.burning = False
    assert await gathered.get("a") == 1


async def test_a_caller_who_leaves_takes_nobody_along(gathered: Gathered[int]) -> None:
    async with asyncio.TaskGroup() as group:
        leaving, staying = group.create_task(gathered.get("a")), group.create_task(gathered.get("a"))
        await asyncio.sleep(0)
        leaving.cancel()
    assert staying.result() == 1


async def test_where_nobody_gathers_each_is_a_query_of_its_own(shelf: Shelf) -> None:
    assert await asyncio.gather(*(Gathered(shelf.fetch).get(key) for key in ("a", "bb"))) == [1, 2]
    assert shelf.queries == [["a"], ["bb"]]
