"""Quotes: a price that holds for a minute and is used once."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.bodies import AmountText, Body, CurrencyCode
from app.api.deps import CurrentRuntime, Transactor
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant
from app.errors import ChainNotServed, InvalidAmount, ProviderUnavailable, QuoteMismatch, UnknownCurrency
from app.ids import public_id
from app.money import Money
from app.wallets.quotes import Quote

router = APIRouter(prefix="/v1/quotes", tags=["quotes"], route_class=StrictRoute)

ChainName = Annotated[str, Field(max_length=20, pattern=r"^[a-z]+$", examples=["bitcoin"])]


class BuyRequest(Body):
    """What to buy, for how much in all, and on which chain it is to be delivered (absent: to an account here)."""

    side: Literal["buy"]
    base: CurrencyCode
    quote_currency: CurrencyCode
    amount: Annotated[AmountText, Field(description="What is paid in all, in `quote_currency`, fees included")]
    chain: ChainName | None = None


class SellRequest(Body):
    """What to sell, from an account here, and for which currency."""

    side: Literal["sell"]
    base: CurrencyCode
    quote_currency: CurrencyCode
    amount: Annotated[AmountText, Field(description="What is sold, in `base`")]


class QuoteView(BaseModel):
    """Where every cent goes: in a purchase of what is paid, in a sale of what the coins bring."""

    id: str
    side: str
    base: str
    quote_currency: str
    chain: str | None
    price: str
    fee: str
    network_fee: str
    total: Annotated[str, Field(description="What is paid, fees included; in a sale what arrives, the fee taken off")]
    base_amount: Annotated[str, Field(description="What is bought or sold")]
    expires_at: Instant

    @classmethod
    def of(cls, quote: Quote) -> Self:
        return cls(
            id=public_id(quote.id),
            side=quote.side,
            base=quote.base_amount.asset.code,
            quote_currency=quote.total.asset.code,
            chain=quote.chain,
            price=f"{quote.price:f}",
            fee=str(quote.fee),
            network_fee=str(quote.network_fee),
            total=str(quote.total),
            base_amount=str(quote.base_amount),
            expires_at=quote.expires_at,
        )


@router.post(
    "",
    status_code=201,
    responses=problems(UnknownCurrency, QuoteMismatch, ChainNotServed, ProviderUnavailable, InvalidAmount),
)
async def request_quote(
    body: Annotated[BuyRequest | SellRequest, Field(discriminator="side")], caller: Transactor, runtime: CurrentRuntime
) -> QuoteView:
    """Ask what an amount, fees included, buys; or what an amount brings."""
    currency = runtime.offered.asset(caller.book, body.quote_currency)
    base = runtime.offered.asset(caller.book, body.base)
    if isinstance(body, SellRequest):
        coins = Money.parse(body.amount, base)
        return QuoteView.of(await runtime.quotes.quote_sale(caller.book, caller.user_id, coins, currency))
    total = Money.parse(body.amount, currency)
    return QuoteView.of(await runtime.quotes.quote_purchase(caller.book, caller.user_id, total, base, body.chain))
