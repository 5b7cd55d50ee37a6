"""Quotes: a price that holds for a minute, is used once, and says to the cent where the money goes.

Coins are rounded down and the fees up, to whole minor units; the exact price is kept with the quote. By construction
total = fee + network fee + what buys the coins.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.clock import Clock
from app.errors import (
    InvalidAmount,
    Missing,
    ProviderUnavailable,
    QuoteExpired,
    QuoteMismatch,
    QuoteUsed,
)
from app.ids import new_id, stored_id
from app.ledger.changes import ABSENT, Change, Companion
from app.ledger.committer import Committer
from app.money import Asset, Money, asset
from app.plumbing.decimals import from_decimal128, to_decimal128
from app.providers.outcomes import ProviderOutcome
from app.providers.ports import QuotesRates
from app.providers.registry import CHAIN_COINS
from app.wallets.store import QUOTES, WalletStore

_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Quote:
    """What ``total`` buys. Amounts in the quote currency, but for ``base_amount``; ``price`` of one whole base."""

    id: str
    user_id: str
    side: str
    chain: str | None
    price: Decimal
    total: Money
    fee: Money
    network_fee: Money
    base_amount: Money
    expires_at: datetime
    consumed_by: str | None = None
    version: int = 1


class Quotes:
    """Makes quotes and lets each be used once."""

    def __init__(
        self, store: WalletStore, door: Committer, rates: QuotesRates, clock: Clock, *, fee_bps: int, lifetime_s: float
    ) -> None:
        self._store = store
        self._door = door
        self._rates = rates
        self._clock = clock
        self._fee_bps = fee_bps
        self._lifetime = timedelta(seconds=lifetime_s)

    async def quote_purchase(self, book: str, user_id: str, total: Money, base: Asset, chain: str | None) -> Quote:
        """What that total, fees included, buys of ``base``, delivered on that chain (None: to an account here).

        Raises QuoteMismatch, ProviderUnavailable, InvalidAmount (too little to pay for the fees).
        """
        _require_deliverable(base, total.asset, chain)
        try:
            price = await self._rates.rate(base, total.asset)
            network_fee = await self._network_fee(chain, total.asset)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        fee = Money(-(-total.minor * self._fee_bps // _BPS), total.asset)
        quote = Quote(
            id=stored_id(book, new_id("quo")),
            user_id=user_id,
            side="buy",
            chain=chain,
            price=price,
            total=total,
            fee=fee,
            network_fee=network_fee,
            base_amount=_bought(total.minor - fee.minor - network_fee.minor, total.asset, base, price),
            expires_at=self._clock.now() + self._lifetime,
        )
        await self._door.submit(Change(book, companions=(Companion(QUOTES, quote.id, ABSENT, _document(quote)),)))
        return quote

    async def usable(self, book: str, user_id: str, public_quote_id: str) -> Quote:
        """The caller's quote, if it can still be used. Raises Missing, QuoteUsed, QuoteExpired."""
        document = await self._store.quote_of(stored_id(book, public_quote_id), user_id)
        if document is None:
            raise Missing("quote")
        quote = _from(document)
        if quote.consumed_by is not None:
            raise QuoteUsed(public_quote_id)
        if quote.expires_at <= self._clock.now():
            raise QuoteExpired(public_quote_id)
        return quote

    async def _network_fee(self, chain: str | None, currency: Asset) -> Money:
        if chain is None:
            return Money(0, currency)
        coins = await self._rates.network_fee(chain, None)
        price = await self._rates.rate(coins.asset, currency)
        exact = Fraction(coins.minor, coins.asset.one) * Fraction(price) * currency.one
        return Money(-(-exact.numerator // exact.denominator), currency)


def consumption(quote_id: str, version: int, saga_id: str) -> Companion:
    """The companion that uses a quote up; guarded, so that two sagas never share one."""
    return Companion(QUOTES, quote_id, {"version": version}, {"consumed_by": saga_id, "version": version + 1})


def _require_deliverable(base: Asset, currency: Asset, chain: str | None) -> None:
    if base.kind != "crypto" or currency.kind != "fiat":
        raise QuoteMismatch("a purchase buys a crypto asset with a fiat currency")
    if chain is not None and CHAIN_COINS.get(chain) != base:
        raise QuoteMismatch(f"{base.code} is not delivered on that chain")


def _bought(net_minor: int, currency: Asset, base: Asset, price: Decimal) -> Money:
    if net_minor <= 0:
        raise InvalidAmount(currency.code, "it does not cover the fees")
    coins = Fraction(net_minor, currency.one) / Fraction(price) * base.one
    bought = Money(coins.numerator // coins.denominator, base)
    if not bought:
        raise InvalidAmount(currency.code, f"it buys less than the smallest unit of {base.code}")
    return bought


def _document(quote: Quote) -> dict[str, Any]:
    return {
        "user_id": quote.user_id,
        "side": quote.side,
        "chain": quote.chain,
        "price": str(quote.price),
        "base": quote.base_amount.asset.code,
        "base_amount": to_decimal128(quote.base_amount.minor),
        "quote_currency": quote.total.asset.code,
        "total": to_decimal128(quote.total.minor),
        "fee": to_decimal128(quote.fee.minor),
        "network_fee": to_decimal128(quote.network_fee.minor),
        "expires_at": quote.expires_at,
        "consumed_by": quote.consumed_by,
        "version": quote.version,
    }


def _from(document: dict[str, Any]) -> Quote:
    base, currency = asset(document["base"]), asset(document["quote_currency"])
    return Quote(
        id=document["_id"],
        user_id=document["user_id"],
        side=document["side"],
        chain=document["chain"],
        price=Decimal(document["price"]),
        total=Money(from_decimal128(document["total"]), currency),
        fee=Money(from_decimal128(document["fee"]), currency),
        network_fee=Money(from_decimal128(document["network_fee"]), currency),
        base_amount=Money(from_decimal128(document["base_amount"]), base),
        expires_at=document["expires_at"],
        consumed_by=document["consumed_by"],
        version=document["version"],
    )
