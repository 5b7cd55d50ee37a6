"""What customers ask for. A flow joins when the OpenAPI document has its route."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.customers import Customer

Order = dict[str, Any]

RETURNED_LATE, PUSH_RETURNED_LATE = "17", "31"
"""Cents of a pull, and of a push, that the bank's sandbox returns after it was sent."""

CHECKED_ABOVE = "40.00"
"""What leaves the house above this is screened first."""

_HIT, _HIT_IN_COINS = "66.60", "6560.24"
"""What the check finds something about, and what buys such an amount of coins: their price stands still here."""

DEBIT_CARD, CREDIT_CARD, SLOW_CARD = "tok_visa_debit", "tok_visa", "tok_visa_debit_standard"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order is to be like; whatever is left open is drawn. ``coin``: the code of what is bought or sent.

    ``cents`` have a meaning for whoever takes the payment. ``size``: ``small`` and ``large`` are below and above what
    is checked, and a ``hit`` is what the check finds something about.
    """

    paying: str = ""
    to: str = ""
    cents: str = ""
    size: str = ""
    card: str = ""
    coin: str = ""


@dataclass(frozen=True, slots=True)
class Coin:
    """What is sent where: ``little`` and ``much`` begin amounts below and above what is checked."""

    code: str
    chain: str
    receiver: str
    little: str
    much: str


BITCOIN = Coin("BTC", "bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "0.0001", "0.0006")
ETHER = Coin("ETH", "ethereum", "0x31207a2065f46a5b948fce6fe5c13e85abaf5631", "0.005", "0.015")
ON_CHAIN = (BITCOIN, ETHER)
"""One chain that knows inputs, and one with nonces."""

ANYTHING = Wish()
SENT_BY_NONCE = Wish(paying="account", to="address", size="small", coin="ETH")
Maker = Callable[[Customer, Sequence[Customer], Wish], Awaitable[Order | None]]
"""The body of a request, or None when it cannot be made now."""


def dollars(customer: Customer, wish: Wish, telling: Sequence[str] = (), share: float = 0.1) -> str:
    """An amount; now and then one whose cents mean trouble."""
    if wish.size == "hit":
        return _HIT
    cents = wish.cents or (customer.random.choice(telling) if telling and customer.random.random() < share else "00")
    lowest, highest = {"small": (20, 40), "large": (41, 60)}.get(wish.size, (20, 60))
    return f"{customer.random.randrange(lowest, highest)}.{cents}"


def coins(customer: Customer, wish: Wish = ANYTHING, coin: Coin = BITCOIN) -> str:
    """A little; whoever has none is refused, which is an answer too."""
    if wish.size == "hit":
        return "0.00066600"
    sizes = {"small": coin.little, "large": coin.much}
    leading = sizes.get(wish.size) or customer.random.choice(list(sizes.values()))
    return f"{leading}{customer.random.randrange(1_000, 10_000)}"


def _coin(customer: Customer, wish: Wish) -> Coin:
    if wish.size == "hit":
        return BITCOIN
    code = wish.coin or customer.random.choices([coin.code for coin in ON_CHAIN], (3, 1))[0]
    return next(coin for coin in ON_CHAIN if coin.code == code)


PULLS_TELL = ("13", "19", "29")
"""Cents by which the bank's sandbox rejects a pull, returns it while it clears, or reviews it first."""
PUSHES_TELL = (PUSH_RETURNED_LATE, "37")
"""Returned after it was sent; rejected at once."""
TOPUPS_TELL = ("47", "53", "61", "67")
"""Nobody pays; the card is declined; refunded later; authenticated first."""
PAYOUTS_TELL = ("31", "37")
"""Paid, and failed later; failed."""


async def transfer(customer: Customer, others: Sequence[Customer], _wish: Wish) -> Order:
    other = customer.random.choice([each for each in others if each is not customer])
    return {
        "source_account_id": customer.account("USD"),
        "destination_account_id": other.account("USD"),
        "amount": f"{customer.random.randrange(1, 500) / 100:.2f}",
        "currency": "USD",
    }


async def deposit(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order:
    return _over_the_bank(customer, dollars(customer, wish, PULLS_TELL))


async def withdrawal(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order:
    return _over_the_bank(customer, dollars(customer, wish, PUSHES_TELL, share=0.2))


def _over_the_bank(customer: Customer, amount: str) -> Order:
    return {"account_id": customer.account("USD"), "bank_link_id": customer.link, "amount": amount}


async def purchase(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order | None:
    paying = wish.paying or customer.random.choices(("bank", "account"), (6, 4))[0]
    to = wish.to or customer.random.choices(("address", "account"), (7, 3))[0]
    coin = _coin(customer, wish)
    amount = _HIT_IN_COINS if wish.size == "hit" else dollars(customer, wish, PULLS_TELL)
    asked = {"side": "buy", "base": coin.code, "quote_currency": "USD", "amount": amount}
    quote = await customer.send("POST", "/v1/quotes", {**asked, **({"chain": coin.chain} if to == "address" else {})})
    if quote.status_code != 201:
        return None
    bank = {"type": "bank", "bank_link_id": customer.link}
    return {
        "quote_id": quote.json()["id"],
        "funding": bank if paying == "bank" else {"type": "account", "account_id": customer.account("USD")},
        "destination": {"type": "address", "chain": coin.chain, "address": coin.receiver}
        if to == "address"
        else {"type": "account", "account_id": customer.account(coin.code)},
    }


async def sale(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order | None:
    asked = {"side": "sell", "base": "BTC", "quote_currency": "USD", "amount": coins(customer, wish)}
    quote = await customer.send("POST", "/v1/quotes", asked)
    if quote.status_code != 201:
        return None
    return {
        "quote_id": quote.json()["id"],
        "source_account_id": customer.account("BTC"),
        "destination": {"type": "account", "account_id": customer.account("USD")},
    }


async def crypto_withdrawal(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order:
    coin = _coin(customer, wish)
    return {
        "account_id": customer.account(coin.code),
        "chain": coin.chain,
        "address": coin.receiver,
        "amount": coins(customer, wish, coin),
    }


async def card_topup(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order:
    """The customer pays by themselves, in the vendor's own dialogue: the sandbox plays them."""
    return {"account_id": customer.account("USD"), "amount": dollars(customer, wish, TOPUPS_TELL, share=0.3)}


async def card_payout(customer: Customer, _others: Sequence[Customer], wish: Wish) -> Order:
    card = wish.card or customer.random.choices((DEBIT_CARD, CREDIT_CARD, SLOW_CARD), (8, 1, 1))[0]
    amount = dollars(customer, wish, PAYOUTS_TELL, share=0.2)
    return {"account_id": customer.account("USD"), "card_token": card, "amount": amount}


MAKERS: Mapping[str, tuple[int, Maker]] = {
    "/v1/purchases": (6, purchase),
    "/v1/deposits": (2, deposit),
    "/v1/transfers": (2, transfer),
    "/v1/withdrawals": (2, withdrawal),
    "/v1/sales": (2, sale),
    "/v1/crypto-withdrawals": (2, crypto_withdrawal),
    "/v1/card-topups": (2, card_topup),
    "/v1/card-payouts": (2, card_payout),
}
"""By route: how often, of all, and what the request says."""


def offered(paths: Mapping[str, Any]) -> dict[str, tuple[int, Maker]]:
    """The orders whose routes are in an OpenAPI document's ``paths``."""
    return {path: made for path, made in MAKERS.items() if "post" in paths.get(path, {})}
