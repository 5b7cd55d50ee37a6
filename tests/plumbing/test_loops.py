"""A loop that fails begins again; one that was closed has ended."""

import asyncio

import pytest

from app.plumbing.loops import kept_up


class Failing:
    """A loop that fails so many times and then returns."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.begun = 0

    async def run(self) -> None:
        self.begun += 1
        if self.begun <= self.failures:
            raise ConnectionResetError("cut")


async def test_a_loop_that_fails_begins_again() -> None:
    loop = Failing(3)
    await kept_up("failing", loop.run, pause_s=0)
    assert loop.begun == 4


async def test_a_loop_that_returns_has_ended() -> None:
    loop = Failing(0)
    await kept_up("closed", loop.run)
    assert loop.begun == 1


async def test_a_loop_that_is_cancelled_does_not_begin_again() -> None:
    begun = asyncio.Event()

    async def forever() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        kept = group.create_task(kept_up("cancelled", forever))
        await begun.wait()
        kept.cancel()
    with pytest.raises(asyncio.CancelledError):
        kept.result()
