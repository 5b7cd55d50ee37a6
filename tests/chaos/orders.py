"""What customers ask for. A flow joins when the OpenAPI document has its route."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.customers import Customer

Order = dict[str, Any]

ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
_ON_CHAIN = {"type": "address", "chain": "bitcoin", "address": ADDRESS}

RETURNED_LATE, PUSH_RETURNED_LATE = "17", "31"
"""Cents of a pull, and of a push, that the bank's sandbox returns after it was sent."""

CHECKED_ABOVE = "40.00"
"""What leaves the house above this is screened first."""

_HIT, _HIT_IN_COINS = "66.60", "6560.24"
"""What the check finds something about, and what buys such an amount of coins: their price stands still here."""

DEBIT_CARD, CREDIT_CARD, SLOW_CARD = "tok_visa_debit", "tok_visa", "tok_visa_debit_standard"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order is to be like; whatever is left open is drawn.

    ``cents`` have a meaning for whoever takes the payment. ``size``: ``small`` and ``large`` are below and above what
    is checked, and a ``hit`` is what the check finds something about.
    """

    paying: str = ""
    to: str = ""
    cents: str = ""
    size: str = ""
    card: str = ""


ANYTHING = Wish()
Maker = Callable[[Customer, Sequence[Customer], Wish], Awaitable[Order | None]]
"""The body of a request, or None when it cannot be made now."""


def dollars(customer: Customer, wish: Wish, telling: Sequence[str] = (), share: float = 0.1) -> str:
    """An amount; now and then one whose cents mean trouble."""
    if wish.size == "hit":
        return _HIT
    cents = wish.cents or (customer.random.choice(telling) if telling and customer.random.random() < share else "00")
    lowest, highest = {"small": (20, 40), "large": (41, 60)}.get(wish.size, (20, 60))
    return f"{customer.random.randrange(lowest, highest)}.{cents}"


def coins(customer: Customer, wish: Wish = ANYTHING) -> str:
    """A little; whoever has none is refused, which is an answer too."""
    if wish.size == "hit":
        return "0.00066600"
    leading = {"small": "0.0001", "large": "0.0006"}.get(wish.size) or customer.random.choice(("0.0001", "0.0006"))
    return f"{leading}{customer.random.randrange(1_000, 10_000)}"


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
    amount = _HIT_IN_COINS if wish.size == "hit" else dollars(customer, wish, PULLS_TELL)
    asked = {"side": "buy", "base": "BTC", "quote_currency": "USD", "amount": amount}
    quote = await customer.send("POST", "/v1/quotes", {**asked, **({"chain": "bitcoin"} if to == "address" else {})})
    if quote.status_code != 201:
        return None
    bank = {"type": "bank", "bank_link_id": customer.link}
    return {
        "quote_id": quote.json()["id"],
        "funding": bank if paying == "bank" else {"type": "account", "account_id": customer.account("USD")},
        "destination": _ON_CHAIN if to == "address" else {"type": "account", "account_id": customer.account("BTC")},
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
    return {
        "account_id": customer.account("BTC"),
        "chain": "bitcoin",
        "address": ADDRESS,
        "amount": coins(customer, wish),
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
