from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.errors import (
    InvalidAmount,
    Missing,
    ProviderUnavailable,
    QuoteExpired,
    QuoteMismatch,
    QuoteUsed,
    StaleGuard,
)
from app.ids import public_id
from app.ledger.changes import Change
from app.money import BTC, USD, Asset, Money, asset
from app.providers.outcomes import Declined, Unavailable
from app.wallets.quotes import consumption
from tests.wallets.given import BOOK, Rates, Till

USER = "usr_ada"
prices = st.decimals("0.00000001", "10000000", allow_nan=False, places=8)
currencies = st.sampled_from([USD, asset("EUR"), asset("JPY")])
coins = st.sampled_from([BTC, asset("ETH"), asset("USDC")])


@given(
    minor=st.integers(1, 10**13),
    price=prices,
    fee_bps=st.integers(0, 10_000),
    fee_satoshi=st.integers(0, 10**6),
    currency=currencies,
)
async def test_to_the_smallest_unit_the_total_is_fees_and_what_buys_the_coins(
    lasting_till: Till, minor: int, price: Decimal, fee_bps: int, fee_satoshi: int, currency: Asset
) -> None:
    lasting_till.rates.price, lasting_till.rates.fee = price, Money(fee_satoshi, BTC)
    total = Money(minor, currency)
    try:
        quote = await lasting_till.quotes(fee_bps=fee_bps).quote_purchase(BOOK, USER, total, BTC, "bitcoin")
    except InvalidAmount:
        assume(False)
    assert quote.total == total
    assert quote.price == price
    assert quote.fee.minor == -(-minor * fee_bps // 10_000)
    exact_network_fee = Fraction(fee_satoshi, BTC.one) * Fraction(price) * currency.one
    assert quote.network_fee.minor - 1 < exact_network_fee <= quote.network_fee.minor
    spent = Fraction((quote.total - quote.fee - quote.network_fee).minor, currency.one)
    unit = Fraction(1, BTC.one)
    bought = Fraction(quote.base_amount.minor, BTC.one)
    assert bought * Fraction(price) <= spent < (bought + unit) * Fraction(price)


@given(minor=st.integers(1, 10**16), price=prices, fee_bps=st.integers(0, 9_999), coin=coins, currency=currencies)
async def test_to_the_smallest_unit_what_coins_are_sold_for_is_the_total_and_the_fee(
    lasting_till: Till, minor: int, price: Decimal, fee_bps: int, coin: Asset, currency: Asset
) -> None:
    lasting_till.rates.price = price
    sold = Money(minor, coin)
    worth = Fraction(minor, coin.one) * Fraction(price) * currency.one
    try:
        quote = await lasting_till.quotes(fee_bps=fee_bps).quote_sale(BOOK, USER, sold, currency)
    except InvalidAmount:
        assert worth * (10_000 - fee_bps) < 2 * 10_000  # less than what two roundings may take
        return
    assert (quote.side, quote.base_amount, quote.price, quote.network_fee) == ("sell", sold, price, Money(0, currency))
    assert quote.total
    proceeds = quote.total + quote.fee
    assert proceeds.minor <= worth < proceeds.minor + 1
    assert quote.fee.minor - 1 < Fraction(proceeds.minor * fee_bps, 10_000) <= quote.fee.minor
    assert await lasting_till.quotes().usable(BOOK, USER, public_id(quote.id), "sell") == quote


@given(minor=st.integers(100, 10**12), price=prices, fee_bps=st.integers(0, 10_000), currency=currencies)
async def test_buying_and_selling_back_at_the_same_price_never_makes_money(
    lasting_till: Till, minor: int, price: Decimal, fee_bps: int, currency: Asset
) -> None:
    lasting_till.rates.price = price
    quotes, paid = lasting_till.quotes(fee_bps=fee_bps), Money(minor, currency)
    try:
        bought = await quotes.quote_purchase(BOOK, USER, paid, BTC, None)
        sold = await quotes.quote_sale(BOOK, USER, bought.base_amount, currency)
    except InvalidAmount:
        assume(False)
    assert sold.total <= paid - bought.fee - sold.fee


@given(minor=st.integers(100, 10**12), price=prices, coin=coins)
async def test_a_quote_is_read_as_it_was_made(lasting_till: Till, minor: int, price: Decimal, coin: Asset) -> None:
    lasting_till.rates.price = price
    quotes = lasting_till.quotes()
    try:
        quote = await quotes.quote_purchase(BOOK, USER, Money(minor, USD), coin, None)
    except InvalidAmount:
        assume(False)
    assert await quotes.usable(BOOK, USER, public_id(quote.id), "buy") == quote
    assert not quote.network_fee


async def test_a_hundred_dollars_of_bitcoin(till: Till) -> None:
    quote = await till.quotes().quote_purchase(BOOK, USER, Money(100_00, USD), BTC, "bitcoin")
    assert (str(quote.fee), str(quote.network_fee), str(quote.base_amount)) == ("1.50", "0.81", "0.00100711")


@pytest.mark.parametrize("total", ["0.00", "0.01", "0.81"])
async def test_what_does_not_cover_the_fees_is_not_quoted(till: Till, total: str) -> None:
    with pytest.raises(InvalidAmount, match="fees"):
        await till.quotes().quote_purchase(BOOK, USER, Money.parse(total, USD), BTC, "bitcoin")
    assert await till.database["quotes"].count_documents({}) == 0


async def test_what_buys_less_than_the_smallest_coin_is_not_quoted(till: Till) -> None:
    till.rates.price = Decimal(10) ** 9
    with pytest.raises(InvalidAmount, match="smallest unit of BTC"):
        await till.quotes(fee_bps=0).quote_purchase(BOOK, USER, Money(1, USD), BTC, None)


@pytest.mark.parametrize(
    ("base", "currency", "chain"),
    [("BTC", "BTC", None), ("USD", "EUR", None), ("ETH", "USD", "bitcoin"), ("BTC", "USD", "dogecoin")],
)
async def test_what_cannot_be_delivered_is_not_quoted(till: Till, base: str, currency: str, chain: str | None) -> None:
    with pytest.raises(QuoteMismatch):
        await till.quotes().quote_purchase(BOOK, USER, Money(10**6, asset(currency)), asset(base), chain)


@pytest.mark.parametrize("trouble", [Unavailable("tatum", "unreachable"), Declined("tatum", "rate.missing")])
async def test_without_a_price_there_is_no_quote(till: Till, trouble: Unavailable) -> None:
    till.rates.trouble = trouble
    with pytest.raises(ProviderUnavailable):
        await till.quotes().quote_sale(BOOK, USER, Money(100_000, BTC), USD)
    with pytest.raises(ProviderUnavailable):
        await till.quotes().quote_purchase(BOOK, USER, Money(100_00, USD), BTC, None)


async def test_a_quote_lasts_until_its_lifetime_is_over(till: Till) -> None:
    quotes = till.quotes(lifetime_s=60)
    quote = await quotes.quote_purchase(BOOK, USER, Money(100_00, USD), BTC, None)
    till.clock.advance(59.999)
    assert await quotes.usable(BOOK, USER, public_id(quote.id), "buy") == quote
    till.clock.advance(0.001)
    with pytest.raises(QuoteExpired):
        await quotes.usable(BOOK, USER, public_id(quote.id), "buy")


async def test_a_quote_is_its_owners_in_its_own_book(till: Till) -> None:
    quotes = till.quotes()
    quote = await quotes.quote_purchase(BOOK, USER, Money(100_00, USD), BTC, None)
    for book, user in ((BOOK, "usr_eve"), ("another", USER)):
        with pytest.raises(Missing):
            await quotes.usable(book, user, public_id(quote.id), "buy")


async def test_a_quote_is_used_once(till: Till) -> None:
    quotes = till.quotes()
    quote = await quotes.quote_purchase(BOOK, USER, Money(100_00, USD), BTC, None)
    await till.door.submit(Change(BOOK, companions=(consumption(quote.id, quote.version, "default/sag_1"),)))
    with pytest.raises(QuoteUsed):
        await quotes.usable(BOOK, USER, public_id(quote.id), "buy")
    with pytest.raises(StaleGuard):
        await till.door.submit(Change(BOOK, companions=(consumption(quote.id, quote.version, "default/sag_2"),)))


async def test_the_price_of_a_used_quote_stays_what_it_was(till: Till) -> None:
    quotes = till.quotes()
    quote = await quotes.quote_purchase(BOOK, USER, Money(100_00, USD), BTC, None)
    till.rates.price = Rates().price * 2
    assert await quotes.usable(BOOK, USER, public_id(quote.id), "buy") == replace(quote)


async def test_a_thousandth_of_a_bitcoin_brings(till: Till) -> None:
    quote = await till.quotes().quote_sale(BOOK, USER, Money(100_000, BTC), USD)
    assert (str(quote.total), str(quote.fee), str(quote.base_amount)) == ("95.54", "1.46", "0.00100000")


@pytest.mark.parametrize(("satoshis", "fee_bps"), [(0, 0), (10, 0), (11, 150), (100_000, 10_000)])
async def test_coins_that_bring_nothing_are_not_quoted(till: Till, satoshis: int, fee_bps: int) -> None:
    with pytest.raises(InvalidAmount, match="smallest unit of USD"):
        await till.quotes(fee_bps=fee_bps).quote_sale(BOOK, USER, Money(satoshis, BTC), USD)
    assert await till.database["quotes"].count_documents({}) == 0


@pytest.mark.parametrize(("sold", "currency"), [("USD", "EUR"), ("BTC", "ETH"), ("USD", "BTC")])
async def test_only_coins_are_sold_and_only_for_fiat(till: Till, sold: str, currency: str) -> None:
    with pytest.raises(QuoteMismatch):
        await till.quotes().quote_sale(BOOK, USER, Money(10**6, asset(sold)), asset(currency))


async def test_a_quote_serves_its_own_side_only(till: Till) -> None:
    quotes = till.quotes()
    bought = await quotes.quote_purchase(BOOK, USER, Money(100_00, USD), BTC, None)
    sold = await quotes.quote_sale(BOOK, USER, Money(100_000, BTC), USD)
    with pytest.raises(QuoteMismatch, match="a quote to buy"):
        await quotes.usable(BOOK, USER, public_id(bought.id), "sell")
    with pytest.raises(QuoteMismatch, match="a quote to sell"):
        await quotes.usable(BOOK, USER, public_id(sold.id), "buy")
