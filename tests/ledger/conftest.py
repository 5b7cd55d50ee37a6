from collections.abc import AsyncIterator
from random import Random

import pytest

from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from tests.ledger.given import Database, ledger_in, open_door


@pytest.fixture
async def store(database: Database) -> LedgerStore:
    """The ledger of a fresh database."""
    return await ledger_in(database)


@pytest.fixture
async def door(store: LedgerStore) -> AsyncIterator[Committer]:
    """An open door to it."""
    async with open_door(store) as opened:
        yield opened


@pytest.fixture
def random() -> Random:
    """Jitter that repeats."""
    return Random(1)  # noqa: S311 - no secret
