"""What the sandbox's book promises: works are whole, what was answered is kept, and what is asked for is found."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from app.clock import SystemClock
from app.sandbox.config import SandboxConfig
from app.sandbox.store import Store

PURSES = "purses"
INDEXES = ("owner", "owner+coins.kind", "coins.worth")


async def opened(config: SandboxConfig) -> Store:
    store = Store(config.mongodb_uri, config.database)
    await store.open({PURSES: INDEXES}, SystemClock().now())
    return store


@pytest.fixture
async def store(config: SandboxConfig) -> AsyncIterator[Store]:
    store = await opened(config)
    yield store
    await store.close()


async def add_one(store: Store) -> None:
    purse = await store.get(PURSES, "one") or {"_id": "one", "coins": 0}
    await store.put(PURSES, {**purse, "coins": purse["coins"] + 1})


async def add_one_and_fail(store: Store) -> None:
    await add_one(store)
    raise LookupError


async def test_works_that_collide_lose_nothing(store: Store) -> None:
    await asyncio.gather(*(store.atomically(lambda: add_one(store)) for _ in range(8)))
    assert await store.get(PURSES, "one") == {"_id": "one", "coins": 8}


async def test_nothing_is_left_of_a_work_that_failed(config: SandboxConfig, store: Store) -> None:
    await add_one(store)
    with pytest.raises(LookupError):
        await store.atomically(lambda: add_one_and_fail(store))
    again = await opened(config)
    assert [await each.get(PURSES, "one") for each in (store, again)] == [{"_id": "one", "coins": 1}] * 2
    await again.close()


async def test_what_was_answered_outlives_a_process_that_is_killed(config: SandboxConfig, store: Store) -> None:
    await store.put(PURSES, {"_id": "kept", "coins": 1})
    await store.put(PURSES, {"_id": "gone", "coins": 1})
    await store.delete(PURSES, {"_id": "gone"})
    again = await opened(config)
    assert await again.find(PURSES, {}) == [{"_id": "kept", "coins": 1}]
    assert await again.next_number() > await store.next_number()
    await again.close()


async def test_what_is_kept_is_sorted_in_time_and_again(config: SandboxConfig, store: Store) -> None:
    for number in range(450):
        await store.put(PURSES, {"_id": number % 7, "coins": number})
    async with AsyncMongoClient[dict[str, Any]](config.mongodb_uri) as client:
        assert await client[config.database]["journal"].count_documents({}) == 50
    again = await opened(config)
    assert [each["coins"] for each in await again.find(PURSES, {}, sort=(("coins", -1),))] == list(range(449, 442, -1))
    await again.close()


async def test_what_follows_a_work_happens_once_it_is_kept(store: Store) -> None:
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


async def test_nobody_changes_what_another_has_read(store: Store) -> None:
    mine: dict[str, Any] = {"_id": "one", "coins": [{"kind": "gold"}]}
    await store.put(PURSES, mine)
    mine["coins"].append({"kind": "lead"})
    read = await store.get(PURSES, "one")
    assert read == {"_id": "one", "coins": [{"kind": "gold"}]}
    read["coins"].clear()
    assert await store.count(PURSES, {"coins.kind": "gold"}) == 1


ADA: dict[str, Any] = {"_id": 1, "owner": "ada", "coins": [{"kind": "gold", "worth": 9}, {"kind": "lead", "worth": 1}]}
BEN: dict[str, Any] = {"_id": 2, "owner": "ben", "coins": [{"kind": "lead", "worth": 2}], "lost": True}
NOBODY: dict[str, Any] = {"_id": 3, "owner": None, "coins": []}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [1, 2, 3]),
        ({"_id": 2}, [2]),
        ({"_id": {"$in": [3, 1, 4]}}, [1, 3]),
        ({"_id": {"$gt": 1}}, [2, 3]),
        ({"_id": {"$nin": [1]}}, [2, 3]),
        ({"owner": "ada"}, [1]),
        ({"owner": None}, [3]),
        ({"owner": {"$in": ["ada", "ben"]}}, [1, 2]),
        ({"owner": {"$ne": "ada"}}, [2, 3]),
        ({"coins.kind": "lead"}, [1, 2]),
        ({"coins.kind": {"$all": ["lead", "gold"]}}, [1]),
        ({"owner": "ada", "coins.kind": "gold"}, [1]),
        ({"owner": "ben", "coins.kind": "gold"}, []),
        ({"coins.worth": {"$gte": 2}}, [1, 2]),
        ({"coins.worth": {"$lt": 2}}, [1]),
        ({"lost": True}, [2]),
        ({"lost": None}, [1, 3]),
        ({"$or": [{"owner": "ada"}, {"lost": True}]}, [1, 2]),
    ],
)
async def test_documents_are_found_by_what_is_in_them(store: Store, query: dict[str, Any], found: list[int]) -> None:
    await store.add(PURSES, [NOBODY, BEN, ADA])
    assert [each["_id"] for each in await store.find(PURSES, query)] == found
    assert await store.count(PURSES, query) == len(found)


async def test_what_was_written_again_is_found_as_it_is_now(store: Store) -> None:
    await store.add(PURSES, [ADA, BEN])
    assert await store.change(PURSES, {"owner": "ada"}, {"$set": {"owner": "eve"}, "$inc": {"visits": 1}}) == {
        **ADA,
        "owner": "eve",
        "visits": 1,
    }
    assert await store.change(PURSES, {"owner": "ada"}, {"$set": {"owner": "eve"}}) is None
    assert [each["_id"] for each in await store.find(PURSES, {"owner": {"$in": ["ada", "eve"]}})] == [1]
    assert [each["_id"] for each in await store.find(PURSES, {}, sort=(("_id", -1),), skip=1, limit=1)] == [1]
