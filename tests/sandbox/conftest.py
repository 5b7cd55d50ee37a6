from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from app.ids import new_id
from app.sandbox.config import SandboxConfig
from tests.sandbox.world import Wallet, config_of, running

SIGNING_KEYS = {"auth0_keys", "plaid_keys", "dialogflow_keys"}


@pytest.fixture(scope="session")
async def shared_book(mongodb_uri: str) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """One database for all simulators of this run: creating its collections costs more than most tests."""
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as connected:
        shared = connected[new_id("sandbox")]
        yield shared
        await connected.drop_database(shared.name)


@pytest.fixture
async def config(mongodb_uri: str, shared_book: AsyncDatabase[dict[str, Any]]) -> SandboxConfig:
    """A sandbox that knows nothing yet but its signing keys."""
    for name in await shared_book.list_collection_names():
        if name not in SIGNING_KEYS:
            await shared_book[name].delete_many({})
    return config_of(mongodb_uri, shared_book.name)


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
async def client(config: SandboxConfig, wallet: Wallet) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a sandbox that runs at its own pace."""
    async with running(config, wallet) as reached:
        yield reached
