"""Prices and network fees that are a second old at most, asked for once for all who want them at the same moment.

A quote made of them holds for a minute, so a second of age costs nobody anything, and a busy house need not ask its
vendor for the same price a hundred times a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from app.clock import Clock
from app.money import Asset, Money
from app.providers.outcomes import ProviderOutcome, Unavailable
from app.providers.ports import QuotesRates

FRESH = timedelta(seconds=1)
_KEPT_MAX = 256

T = TypeVar("T")
_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Told(Generic[T]):
    value: T
    at: datetime


class FreshRates:
    """Satisfies QuotesRates, out of another that does."""

    def __init__(self, rates: QuotesRates, clock: Clock, provider: str) -> None:
        self._rates = rates
        self._prices: _Shared[Decimal] = _Shared(clock, provider)
        self._fees: _Shared[Money] = _Shared(clock, provider)

    async def rate(self, base: Asset, quote: Asset) -> Decimal:
        return await self._prices.get((base.code, quote.code), lambda: self._rates.rate(base, quote))

    async def network_fee(self, chain: str, to: str | None, amount: Money | None = None) -> Money:
        """The fee of a send to a certain address is asked for anew: it may depend on who lives there."""
        if to is not None:
            return await self._rates.network_fee(chain, to, amount)
        return await self._fees.get((chain, amount), lambda: self._rates.network_fee(chain, None, amount))


class _Shared(Generic[T]):
    """What was told within the last second, or is being asked."""

    def __init__(self, clock: Clock, provider: str) -> None:
        self._clock = clock
        self._provider = provider
        self._told: dict[_Key, _Told[T]] = {}
        self._asked: dict[_Key, asyncio.Future[T]] = {}

    async def get(self, key: _Key, ask: Callable[[], Awaitable[T]]) -> T:
        """Raises what asking raises, to all who wait for the same."""
        told, now = self._told.get(key), self._clock.now()
        if told is not None and told.at <= now < told.at + FRESH:  # a clock that was set back ends it
            return told.value
        if key in self._asked:
            return await asyncio.shield(self._asked[key])
        asked = self._asked[key] = asyncio.get_running_loop().create_future()
        try:
            value = await ask()
        except BaseException as failure:
            asked.set_exception(failure if isinstance(failure, ProviderOutcome) else self._abandoned())
            asked.exception()  # perhaps nobody else waits for it
            raise
        finally:
            del self._asked[key]
        asked.set_result(value)
        self._keep(key, _Told(value, now))
        return value

    def _abandoned(self) -> ProviderOutcome:
        return Unavailable(self._provider, "no-answer")

    def _keep(self, key: _Key, told: _Told[T]) -> None:
        if len(self._told) >= _KEPT_MAX:
            self._told.clear()
        self._told[key] = told
