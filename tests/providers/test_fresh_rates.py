"""Prices are asked for once for all who want them within the same second."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.clock import ManualClock
from app.money import BTC, USD, Asset, Money, asset
from app.providers.fresh_rates import FreshRates
from app.providers.outcomes import Unavailable

ETH = asset("ETH")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Exchange:
    """Every price is one dollar higher than the last, and is told when the doors open."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.is_down = False

    async def rate(self, base: Asset, quote: Asset) -> Decimal:
        self.asked.append(f"{base.code}/{quote.code}")
        await self.open.wait()
        if self.is_down:
            raise Unavailable("exchange", "down")
        return Decimal(len(self.asked))

    async def network_fee(self, chain: str, to: str | None, amount: Money | None = None) -> Money:
        self.asked.append(f"{chain} {to}")
        return Money(len(self.asked), BTC if amount is None else amount.asset)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def rates(exchange: Exchange, clock: ManualClock) -> FreshRates:
    return FreshRates(exchange, clock, "exchange")


async def test_a_price_holds_for_a_second(rates: FreshRates, clock: ManualClock) -> None:
    assert [await rates.rate(BTC, USD) for _ in range(2)] == [1, 1]
    assert await rates.rate(ETH, USD) == 2
    clock.advance(1)
    assert await rates.rate(BTC, USD) == 3


async def test_who_asks_while_it_is_being_asked_is_told_the_same(rates: FreshRates, exchange: Exchange) -> None:
    exchange.open.clear()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(rates.rate(BTC, USD)) for _ in range(3)]
        await asyncio.sleep(0)
        exchange.open.set()
    assert [each.result() for each in asking] == [1, 1, 1]
    assert exchange.asked == ["BTC/USD"]


async def test_a_failure_is_told_to_all_who_wait_and_to_nobody_after(rates: FreshRates, exchange: Exchange) -> None:
    exchange.is_down = True
    exchange.open.clear()
    asking = asyncio.gather(*(rates.rate(BTC, USD) for _ in range(2)), return_exceptions=True)
    await asyncio.sleep(0)
    exchange.open.set()
    assert [str(each) for each in await asking] == ["exchange: down"] * 2
    exchange.is_down = False
    assert await rates.rate(BTC, USD) == 2


async def test_a_question_that_was_given_up_leaves_nobody_waiting(rates: FreshRates, exchange: Exchange) -> None:
    exchange.open.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(rates.rate(BTC, USD))
        await asyncio.sleep(0)
        second = group.create_task(_refusal(rates))
        await asyncio.sleep(0)
        first.cancel()
    assert second.result() == "exchange: no-answer"


async def test_the_fee_of_a_send_to_somebody_is_asked_for_anew(rates: FreshRates, exchange: Exchange) -> None:
    fees = [await rates.network_fee("bitcoin", to) for to in (None, None, "tb1q", "tb1q")]
    assert [fee.minor for fee in fees] == [1, 1, 2, 3]
    assert (await rates.network_fee("ethereum", None, Money(1, ETH))).minor == 4


async def _refusal(rates: FreshRates) -> str:
    try:
        await rates.rate(BTC, USD)
    except Unavailable as refusal:
        return str(refusal)
    return ""
