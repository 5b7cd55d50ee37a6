"""What customers ask for. A flow joins when the OpenAPI document has its route."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tests.chaos.customers import Customer

Order = dict[str, Any]
Maker = Callable[[Customer, Sequence[Customer]], Awaitable[Order | None]]
"""The body of a request, or None when it cannot be made now."""

ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
_ON_CHAIN = {"type": "address", "chain": "bitcoin", "address": ADDRESS}
_TELLING_CENTS = ("13", "19", "29")
"""Cents by which the bank's sandbox rejects a pull, returns it while it clears, or reviews it first."""

COMES_BACK_LATE = "25.17"
"""A pull that the bank's sandbox returns after it was sent."""


def dollars(customer: Customer) -> str:
    """An amount; now and then one whose cents mean trouble, and some that others ask for too."""
    cents = customer.random.choice(_TELLING_CENTS) if customer.random.random() < 0.1 else "00"
    return f"{customer.random.randrange(20, 60)}.{cents}"


async def transfer(customer: Customer, others: Sequence[Customer]) -> Order:
    other = customer.random.choice([each for each in others if each is not customer])
    return {
        "source_account_id": customer.account("USD"),
        "destination_account_id": other.account("USD"),
        "amount": f"{customer.random.randrange(1, 500) / 100:.2f}",
        "currency": "USD",
    }


async def deposit(customer: Customer, _others: Sequence[Customer]) -> Order:
    return {"account_id": customer.account("USD"), "bank_link_id": customer.link, "amount": dollars(customer)}


async def withdrawal(customer: Customer, _others: Sequence[Customer]) -> Order:
    return {"account_id": customer.account("USD"), "bank_link_id": customer.link, "amount": dollars(customer)}


async def purchase(customer: Customer, _others: Sequence[Customer]) -> Order | None:
    from_bank, on_chain = customer.random.random() < 0.6, customer.random.random() < 0.7
    asked = {"side": "buy", "base": "BTC", "quote_currency": "USD", "amount": dollars(customer)}
    quote = await customer.send("POST", "/v1/quotes", {**asked, **({"chain": "bitcoin"} if on_chain else {})})
    if quote.status_code != 201:
        return None
    bank = {"type": "bank", "bank_link_id": customer.link}
    return {
        "quote_id": quote.json()["id"],
        "funding": bank if from_bank else {"type": "account", "account_id": customer.account("USD")},
        "destination": _ON_CHAIN if on_chain else {"type": "account", "account_id": customer.account("BTC")},
    }


async def sale(customer: Customer, _others: Sequence[Customer]) -> Order | None:
    asked = {"side": "sell", "base": "BTC", "quote_currency": "USD", "amount": coins(customer)}
    quote = await customer.send("POST", "/v1/quotes", asked)
    if quote.status_code != 201:
        return None
    return {
        "quote_id": quote.json()["id"],
        "source_account_id": customer.account("BTC"),
        "destination": {"type": "account", "account_id": customer.account("USD")},
    }


async def crypto_withdrawal(customer: Customer, _others: Sequence[Customer]) -> Order:
    return {
        "account_id": customer.account("BTC"),
        "chain": "bitcoin",
        "address": ADDRESS,
        "amount": coins(customer),
    }


def coins(customer: Customer) -> str:
    """A little; whoever has none is refused, which is an answer too."""
    return f"0.0001{customer.random.randrange(1_000, 10_000)}"


MAKERS: Mapping[str, tuple[int, Maker]] = {
    "/v1/purchases": (6, purchase),
    "/v1/deposits": (2, deposit),
    "/v1/transfers": (2, transfer),
    "/v1/withdrawals": (2, withdrawal),
    "/v1/sales": (2, sale),
    "/v1/crypto-withdrawals": (2, crypto_withdrawal),
}
"""By route: how often, of all, and what the request says."""


def offered(paths: Mapping[str, Any]) -> dict[str, tuple[int, Maker]]:
    """The orders whose routes are in an OpenAPI document's ``paths``."""
    return {path: made for path, made in MAKERS.items() if "post" in paths.get(path, {})}
