"""Moves that schedule moves."""

from collections.abc import AsyncIterator

import pytest

from app.clock import ManualClock, SystemClock
from app.sandbox import agenda
from app.sandbox.agenda import Agenda
from app.sandbox.config import SandboxConfig
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Store


@pytest.fixture
async def store(config: SandboxConfig) -> AsyncIterator[Store]:
    opened = Store(config.mongodb_uri, config.database)
    await opened.open({agenda.COLLECTION: agenda.INDEXES}, SystemClock().now())
    yield opened
    await opened.close()


async def test_a_move_that_is_scheduled_again_while_it_is_made_is_made_again_even_at_the_same_moment(
    store: Store,
) -> None:
    coming = Agenda(store, ShiftedClock(ManualClock(SystemClock().now()), store), tick_s=0.1)
    made: list[str] = []

    async def mine(subject: str) -> None:
        made.append(subject)
        if len(made) == 1:
            await coming.add("tatum", "mine", subject, after_s=0)

    await coming.add("tatum", "mine", "tx_1", after_s=0)
    while await coming.run_due("tatum", {"mine": mine}):
        continue
    assert made == ["tx_1", "tx_1"]
