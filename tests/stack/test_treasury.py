"""Coins that the owners put into custody are booked once, and only coins are."""

from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from app.settings import Settings
from app.stack.books import verified
from app.stack.problem import Problem
from app.stack.treasury import funded


@pytest.fixture
def settings(mongodb_uri: str, redis_url: str, database: AsyncDatabase[dict[str, Any]]) -> Settings:
    given = {"mongodb_uri": mongodb_uri, "mongodb_database": database.name, "redis_url": redis_url}
    return Settings.model_validate(given)


async def test_the_same_reference_is_booked_once(settings: Settings) -> None:
    for _ in range(2):
        said = await funded(settings, "default", "BTC", "1.5", "first")
    assert said == "1.50000000 BTC are in custody and may be sold (reference first)."
    assert (await verified(settings)).line() == "1 transactions, 2 entries, 1 assets, 0 breaks, chain intact"


@pytest.mark.parametrize(
    ("currency", "amount"), [("USD", "1.00"), ("BTC", "0"), ("BTC", "1e5"), ("XXX", "1"), ("BTC", "-1")]
)
async def test_anything_but_coins_is_refused_and_nothing_is_booked(
    settings: Settings, currency: str, amount: str
) -> None:
    with pytest.raises(Problem):
        await funded(settings, "default", currency, amount, "bad")


async def test_a_reference_that_stands_for_another_amount_is_refused(settings: Settings) -> None:
    await funded(settings, "default", "BTC", "1.5", "first")
    with pytest.raises(Problem, match="amount differs"):
        await funded(settings, "default", "BTC", "2.5", "first")
