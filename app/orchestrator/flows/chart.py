"""The product's own accounts that flows post through.

Pending, in-doubt, clearing and delivery accounts are at zero, per saga, when it has ended; `wallet verify` checks it.
"""

from app.ledger.accounts import FEES, Account, system_account
from app.money import Asset


def bank(book: str, currency: Asset) -> Account:
    """Our money at the partner bank."""
    return system_account(book, "bank", currency)


def card_balance(book: str, currency: Asset) -> Account:
    """Our money at the card processor, with what it keeps there for payees."""
    return system_account(book, "cards", currency)


def card_fees(book: str, currency: Asset) -> Account:
    """What the card processor took."""
    return system_account(book, "cardfee_out", currency)


def custody(book: str, coin: Asset) -> Account:
    """Our coins on chain."""
    return system_account(book, "custody", coin)


def trading(book: str, asset: Asset) -> Account:
    """Our position. Of coins it is the inventory we may sell: reserved by holds, never below zero."""
    return system_account(book, "trading", asset, min_available=0 if asset.kind == "crypto" else None)


def fees(book: str, currency: Asset) -> Account:
    """What customers paid us."""
    return system_account(book, FEES, currency)


def network_fees_charged(book: str, currency: Asset) -> Account:
    """What customers paid for the network."""
    return system_account(book, "netfee_in", currency)


def network_fees_paid(book: str, coin: Asset) -> Account:
    """What the network took."""
    return system_account(book, "netfee_out", coin)


def pending(book: str, currency: Asset) -> Account:
    """Pulled for a customer, not settled."""
    return system_account(book, "pending", currency)


def in_doubt(book: str, provider: str, asset: Asset) -> Account:
    """Sent to a provider and not answered: an amount one can alarm on."""
    return system_account(book, f"in_doubt.{provider}", asset)


def clearing_in(book: str, currency: Asset) -> Account:
    """Accepted by the bank, on its way to us."""
    return system_account(book, "clearing.in", currency)


def clearing_out(book: str, coin: Asset) -> Account:
    """Broadcast, on its way to the customer."""
    return system_account(book, "clearing.out", coin)


def delivery(book: str, coin: Asset) -> Account:
    """Bought for a customer, not delivered."""
    return system_account(book, "delivery", coin)


def write_off(book: str, asset: Asset) -> Account:
    """What a person decided is not to be recovered."""
    return system_account(book, "write_off", asset)
