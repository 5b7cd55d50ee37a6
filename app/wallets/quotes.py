"""Quotes: a price that holds for a minute, is used once, and says to the cent where the money goes.

The exact price is kept with the quote; amounts are rounded as in ``prices.py``, fees up. By construction the total of a
purchase is its fees and what buys the coins; the total of a sale and its fee are what the coins are sold for.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

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
from app.providers.registry import CHAIN_ASSETS
from app.wallets.fees import fee_of
from app.wallets.network_fees import require_served
from app.wallets.prices import coins_for, cost_of, proceeds_of
from app.wallets.store import QUOTES, WalletStore

Side = Literal["buy", "sell"]


@dataclass(frozen=True, slots=True)
class Quote:
    """What ``total`` buys, fees included; or what is left, fee taken off, of what ``base_amount`` sells for.

    Amounts in the quote currency, but for ``base_amount``; ``price`` of one whole base.
    """

    id: str
    user_id: str
    side: Side
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
        self,
        store: WalletStore,
        door: Committer,
        rates: QuotesRates,
        clock: Clock,
        *,
        purchase_fee_bps: int,
        sale_fee_bps: int,
        lifetime_s: float,
        served: Collection[str],
    ) -> None:
        self._store = store
        self._door = door
        self._rates = rates
        self._clock = clock
        self._purchase_fee_bps = purchase_fee_bps
        self._sale_fee_bps = sale_fee_bps
        self._lifetime = timedelta(seconds=lifetime_s)
        self._served = served

    async def quote_purchase(self, book: str, user_id: str, total: Money, base: Asset, chain: str | None) -> Quote:
        """What that total, fees included, buys of ``base``, delivered on that chain (None: to an account here).

        Raises QuoteMismatch, ChainNotServed, ProviderUnavailable, InvalidAmount (too little to pay for the fees).
        """
        _require_pair(base, total.asset)
        if chain is not None and base not in CHAIN_ASSETS.get(chain, ()):
            raise QuoteMismatch(f"{base.code} is not delivered on that chain")
        if chain is not None:
            require_served(chain, self._served)
        try:
            price = await self._rates.rate(base, total.asset)
            network_fee = await self._network_fee(chain, base, total.asset)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        fee = fee_of(total, self._purchase_fee_bps)
        quote = Quote(
            id=stored_id(book, new_id("quo")),
            user_id=user_id,
            side="buy",
            chain=chain,
            price=price,
            total=total,
            fee=fee,
            network_fee=network_fee,
            base_amount=coins_for(total.minor - fee.minor - network_fee.minor, total.asset, base, price),
            expires_at=self._clock.now() + self._lifetime,
        )
        return await self._kept(book, quote)

    async def quote_sale(self, book: str, user_id: str, coins: Money, currency: Asset) -> Quote:
        """What those coins, in an account here, bring to an account in that currency.

        Raises QuoteMismatch, ProviderUnavailable, InvalidAmount (too little to bring anything).
        """
        _require_pair(coins.asset, currency)
        try:
            price = await self._rates.rate(coins.asset, currency)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        proceeds = proceeds_of(coins, currency, price)
        fee = fee_of(proceeds, self._sale_fee_bps)
        if not proceeds - fee:
            raise InvalidAmount(
                coins.asset.code, f"after the fee it brings less than the smallest unit of {currency.code}"
            )
        quote = Quote(
            id=stored_id(book, new_id("quo")),
            user_id=user_id,
            side="sell",
            chain=None,
            price=price,
            total=proceeds - fee,
            fee=fee,
            network_fee=Money(0, currency),
            base_amount=coins,
            expires_at=self._clock.now() + self._lifetime,
        )
        return await self._kept(book, quote)

    async def usable(self, book: str, user_id: str, public_quote_id: str, side: Side) -> Quote:
        """The caller's quote, if it can still be used, and for that.

        Raises Missing, QuoteUsed, QuoteExpired, QuoteMismatch (it is for the other side).
        """
        document = await self._store.quote_of(stored_id(book, public_quote_id), user_id)
        if document is None:
            raise Missing("quote")
        quote = _from(document)
        if quote.consumed_by is not None:
            raise QuoteUsed(public_quote_id)
        if quote.expires_at <= self._clock.now():
            raise QuoteExpired(public_quote_id)
        if quote.side != side:
            raise QuoteMismatch(f"it is a quote to {quote.side}")
        return quote

    async def _kept(self, book: str, quote: Quote) -> Quote:
        await self._door.submit(Change(book, companions=(Companion(QUOTES, quote.id, ABSENT, _document(quote)),)))
        return quote

    async def _network_fee(self, chain: str | None, base: Asset, currency: Asset) -> Money:
        if chain is None:
            return Money(0, currency)
        coins = await self._rates.network_fee(chain, None, Money(1, base))
        price = await self._rates.rate(coins.asset, currency)
        return cost_of(coins, currency, price)


def consumption(quote_id: str, version: int, saga_id: str) -> Companion:
    """The companion that uses a quote up; guarded, so that two sagas never share one."""
    return Companion(QUOTES, quote_id, {"version": version}, {"consumed_by": saga_id, "version": version + 1})


def _require_pair(base: Asset, currency: Asset) -> None:
    if base.kind != "crypto" or currency.kind != "fiat":
        raise QuoteMismatch("a crypto asset is bought and sold for a fiat currency")


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
