"""Worlds as fixtures; a folder that wants them imports them into its conftest."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.ids import new_id
from tests.databases import Databases
from tests.worlds import Customer, World, open_world


@pytest.fixture(scope="session")
async def sandbox_book(mongodb_uri: str) -> AsyncIterator[str]:
    """One database for the simulators of this run: making its signing keys costs more than most tests."""
    name = new_id("sandbox")
    yield name
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as connected:
        await connected.drop_database(name)


@pytest.fixture
async def world(
    mongodb_uri: str, redis_url: str, database: AsyncDatabase[dict[str, Any]], redis: Redis, sandbox_book: str
) -> AsyncIterator[World]:
    """A world in which nothing has happened yet."""
    async with open_world(mongodb_uri, redis_url, database.name, sandbox_book) as opened:
        yield opened


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    """Settings that a module wants otherwise."""
    return {}


@pytest.fixture(scope="module")
async def busy_world(
    mongodb_uri: str, redis_url: str, databases: Databases, sandbox_book: str, timings: dict[str, float]
) -> AsyncIterator[World]:
    """One world for all runs of a module, each with a customer's new accounts; faults that are left over are gone."""
    async with (
        databases.lend() as database,
        open_world(mongodb_uri, redis_url, database.name, sandbox_book, **timings) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
async def ada(busy_world: World) -> Customer:
    """Made when nothing goes wrong, whatever a test before had dialled."""
    await busy_world.calm_down()
    return await busy_world.customer("ada")


@pytest.fixture
async def calm_world(busy_world: World) -> World:
    """The same, with nothing going wrong yet."""
    await busy_world.forget()
    await busy_world.calm_down()
    return busy_world


@pytest.fixture
async def rich_ada(calm_world: World, ada: Customer) -> Customer:
    """Ada with 500 dollars in an account that only this test knows."""
    return await calm_world.with_new_accounts(ada, "500.00")
