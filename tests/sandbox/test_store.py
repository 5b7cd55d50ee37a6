"""What the sandbox's book promises to works that run at the same moment."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.clock import SystemClock
from app.sandbox.config import SandboxConfig
from app.sandbox.store import Store

PURSES = "purses"


@pytest.fixture
async def store(config: SandboxConfig) -> AsyncIterator[Store]:
    opened = Store(config.mongodb_uri, config.database)
    await opened.open({PURSES: ()}, SystemClock().now())
    yield opened
    await opened.close()


async def add_one(store: Store) -> None:
    purse = await store.get(PURSES, "one") or {"_id": "one", "coins": 0}
    await store.put(PURSES, {**purse, "coins": purse["coins"] + 1})


@pytest.mark.parametrize("queue", [None, "purse"])
async def test_works_that_collide_lose_nothing(store: Store, queue: str | None) -> None:
    await asyncio.gather(*(store.atomically(lambda: add_one(store), queue=queue) for _ in range(8)))
    assert await store.get(PURSES, "one") == {"_id": "one", "coins": 8}


async def test_works_of_different_queues_do_not_wait_for_one_another(store: Store) -> None:
    meeting = asyncio.Barrier(3)

    async def meet() -> None:
        await meeting.wait()

    async with asyncio.timeout(5):
        await asyncio.gather(*(store.atomically(meet, queue=queue) for queue in ("one", "two", None)))


async def test_what_follows_a_work_happens_once_it_can_be_seen(store: Store) -> None:
    seen: list[asyncio.Task[object]] = []

    async def work() -> None:
        await add_one(store)
        store.once_kept(lambda: seen.append(asyncio.ensure_future(store.get(PURSES, "one"))))
        assert not seen

    await store.atomically(work)
    assert [await each for each in seen] == [{"_id": "one", "coins": 1}]


async def test_what_should_follow_a_work_that_failed_does_not_happen(store: Store) -> None:
    rung: list[str] = []

    async def work() -> None:
        store.once_kept(lambda: rung.append("too early"))
        raise LookupError

    with pytest.raises(LookupError):
        await store.atomically(work)
    assert rung == []
