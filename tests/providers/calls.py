"""Every call that an adapter can make, by adapter and method: what the fault dial calls it, and how it is made.

A name may have a variant behind a stroke, as in ``TatumAdapter.send/solana``. Which names there must be is derived
from the adapters themselves, so that a call without its line here is noticed.
"""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from app.clock import SystemClock
from app.money import BTC, USD, Money
from app.providers.chain_ports import CoinOrder
from app.providers.outcomes import Declined, ProviderOutcome, Unavailable
from app.providers.plaid.adapter import PlaidAdapter
from app.providers.registry import Providers
from app.providers.tatum.adapter import TatumAdapter
from app.providers.tatum.chains import CHAINS
from tests.providers.shop import Shop

Word = type[ProviderOutcome] | None
"""One of the three, or none: the call simply succeeds."""

RECEIVERS = {
    "bitcoin": "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
    "ethereum": "0x81BAE876B70513C9DECc608EEd549977A81AFA1c",
    "polygon": "0x81BAE876B70513C9DECc608EEd549977A81AFA1c",
    "tron": "TMoA5QSM8XFt9y31sQE2A341ULr3VkRGRD",
    "solana": "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv",
}


@dataclass(frozen=True, slots=True)
class Read:
    """A call that may be made again without harm; ``refused``: the word for the vendor's definite no."""

    vendor: str
    operation: str
    ask: Callable[[Shop, Providers], Awaitable[Any]]
    refused: Word = Declined


async def _webhook_key(shop: Shop, to: Providers) -> object:
    assert isinstance(to.banks, PlaidAdapter)
    return await to.banks.webhook_key(shop.webhook_key_id)


def _prices(to: Providers) -> TatumAdapter:
    """The adapter itself: what others ask for prices may remember them."""
    assert isinstance(to.coins, TatumAdapter)
    return to.coins


async def _all(pages: AsyncIterator[Any]) -> list[Any]:
    return [page async for page in pages]


def _since() -> Any:
    return SystemClock().now()


_UNIT_READS = {
    "UnitAdapter.payment": Read("unit", "get_payment", lambda _, to: to.ach.payment("999")),
    "UnitAdapter.find_payment": Read("unit", "list_payments", lambda _, to: to.ach.find_payment("eff_0")),
    "UnitAccounts.application": Read("unit", "get_application", lambda _, to: to.accounts.application("999")),
    "UnitAccounts.find_application": Read(
        "unit", "list_applications", lambda _, to: to.accounts.find_application("eff_0")
    ),
    "UnitAccounts.account": Read("unit", "get_account", lambda _, to: to.accounts.account("10")),
    "UnitAccounts.find_account": Read("unit", "list_accounts", lambda _, to: to.accounts.find_account("eff_0")),
    "UnitAccounts.account_numbers": Read("unit", "get_account", lambda _, to: to.accounts.account_numbers("10")),
    "UnitAccounts.find_movement": Read("unit", "list_payments", lambda _, to: to.inside.find_movement("eff_0")),
    "UnitAccounts.events_since": Read(
        "unit", "list_events", lambda _, to: _all(to.event_lists["unit"].events_since(_since()))
    ),
    "UnitCards.card": Read("unit", "get_card", lambda _, to: to.cards.card("999")),
    "UnitCards.find_card": Read("unit", "list_cards", lambda _, to: to.cards.find_card("eff_0")),
    "UnitCards.card_movement": Read("unit", "get_transaction", lambda _, to: to.cards.card_movement("10", "999")),
    "UnitCards.card_request": Read("unit", "get_authorization_request", lambda _, to: to.cards.card_request("999")),
    "UnitCards.card_authorization": Read("unit", "get_authorization", lambda _, to: to.cards.card_authorization("999")),
}

_STRIPE_READS = {
    "StripeCards.payment": Read("stripe", "get_payment_intent", lambda _, to: to.card_payments.payment("pi_9")),
    "StripeCards.charge_of": Read("stripe", "get_payment_intent", lambda _, to: to.card_payments.charge_of("pi_9")),
    "StripeCards.find_payment": Read(
        "stripe", "list_payment_intents", lambda _, to: to.card_payments.find_payment("eff_0", _since())
    ),
    "StripePayouts.payee": Read("stripe", "get_account", lambda _, to: to.card_payouts.payee("acct_9")),
    "StripePayouts.find_payee": Read(
        "stripe", "list_accounts", lambda _, to: to.card_payouts.find_payee("eff_0", _since())
    ),
    "StripePayouts.card": Read(
        "stripe", "get_external_account", lambda _, to: to.card_payouts.card("acct_9", "card_9")
    ),
    "StripePayouts.find_card": Read(
        "stripe", "list_external_accounts", lambda _, to: to.card_payouts.find_card("acct_9", "eff_0")
    ),
    "StripePayouts.transferred": Read("stripe", "get_transfer", lambda _, to: to.card_payouts.transferred("tr_9")),
    "StripePayouts.find_transfer": Read(
        "stripe", "list_transfers", lambda _, to: to.card_payouts.find_transfer("acct_9", "eff_0", _since())
    ),
    "StripePayouts.find_reversal": Read(
        "stripe", "list_transfer_reversals", lambda _, to: to.card_payouts.find_reversal("tr_9", "eff_0")
    ),
    "StripePayouts.payout": Read("stripe", "get_payout", lambda _, to: to.card_payouts.payout("acct_9", "po_9")),
    "StripePayouts.find_payout": Read(
        "stripe", "list_payouts", lambda _, to: to.card_payouts.find_payout("acct_9", "eff_0", _since())
    ),
    "StripeEvents.events_since": Read(
        "stripe", "list_events", lambda _, to: _all(to.event_lists["stripe"].events_since(_since()))
    ),
}

_PEOPLE_READS = {
    "SumsubAdapter.review": Read("sumsub", "get_applicant", lambda shop, to: to.people.review(shop.applicant_id)),
    "SumsubAdapter.person": Read("sumsub", "get_applicant", lambda shop, to: to.people.person(shop.applicant_id)),
    "SumsubAdapter.sdk_token": Read("sumsub", "create_sdk_token", lambda _, to: to.people.sdk_token("usr_1")),
}

_BANK_READS = {
    "PlaidAdapter.link_token": Read("plaid", "create_link_token", lambda _, to: to.banks.link_token("usr_1")),
    "PlaidAdapter.update_token": Read(
        "plaid", "create_link_token", lambda shop, to: to.banks.update_token("usr_1", shop.access_token)
    ),
    "PlaidAdapter.login": Read(
        "plaid",
        "get_item",
        lambda shop, to: to.banks.login(shop.access_token),
        None,  # that the customer must sign in again is what was asked
    ),
    "PlaidAdapter.accounts": Read("plaid", "get_accounts", lambda shop, to: to.banks.accounts(shop.access_token)),
    "PlaidAdapter.processor_token": Read(
        "plaid", "create_processor_token", lambda shop, to: to.banks.processor_token(shop.access_token, "acc-savings")
    ),
    "PlaidAdapter.webhook_key": Read("plaid", "get_verification_key", _webhook_key),
}


def _tatum(operation: str, ask: Callable[[Shop, Providers], Awaitable[Any]]) -> Read:
    """Its dial declines as the vendor does with a key whose credits are used up: nothing about the call is wrong."""
    return Read("tatum", operation, ask, Unavailable)


def _chain_reads() -> Iterator[tuple[str, Read]]:
    coins = "TatumAdapter"
    yield f"{coins}.pending_send", _tatum("kms_get", lambda _, to: to.coins.pending_send("0" * 32))
    yield f"{coins}.rate", _tatum("rate", lambda _, to: _prices(to).rate(BTC, USD))
    yield (
        f"{coins}.unspent/bitcoin",
        _tatum("unspent", lambda _, to: to.coins.unspent("bitcoin", Money(1, BTC))),
    )
    yield f"{coins}.spenders/bitcoin", _tatum("utxo_history", lambda _, to: to.coins.spenders("bitcoin"))
    for name, chain in CHAINS.items():
        yield from _reads_of(name)
        if chain.family in {"evm", "utxo"}:
            yield from _estimates_of(name)


def _estimates_of(chain: str) -> Iterator[tuple[str, Read]]:
    """Elsewhere the fee is a flat one and there is no nonce: nobody is asked."""
    yield (
        f"TatumAdapter.network_fee/{chain}",
        _tatum("estimate_fee", lambda _, to: _prices(to).network_fee(chain, None)),
    )
    if CHAINS[chain].family == "evm":
        yield f"TatumAdapter.next_nonce/{chain}", _tatum("nonce", lambda _, to: to.coins.next_nonce(chain))


def _reads_of(chain: str) -> Iterator[tuple[str, Read]]:
    address, known = RECEIVERS[chain], CHAINS[chain]
    histories = "utxo_history" if known.family == "utxo" else "history"
    yield f"TatumAdapter.pending_sends/{chain}", _tatum("kms_pending", lambda _, to: to.coins.pending_sends(chain))
    yield (
        f"TatumAdapter.transaction/{chain}",
        _tatum("get_transaction", lambda _, to: to.coins.transaction(chain, "ab" * 32)),
    )
    yield (
        f"TatumReceiving.transaction/{chain}",
        _tatum("get_transaction", lambda _, to: to.receiving.transaction(chain, "ab" * 32)),
    )
    yield f"TatumReceiving.watch/{chain}", _tatum("subscribe", lambda _, to: to.receiving.watch(chain, address))
    yield f"TatumReceiving.history/{chain}", _tatum(histories, lambda _, to: to.receiving.history(chain, address))
    yield (
        f"TatumReceiving.balance/{chain}",
        _tatum("balance", lambda _, to: to.receiving.balance(chain, address, known.coin)),
    )
    if known.tokens:
        token = known.tokens[0].asset
        yield (
            f"TatumReceiving.balance/{chain} {token.code}",
            _tatum("portfolio", lambda _, to: to.receiving.balance(chain, address, token)),
        )
    if known.family != "solana":
        yield (
            f"TatumReceiving.deposit_address/{chain}",
            _tatum("derive_address", lambda _, to: to.receiving.deposit_address(chain, 7)),
        )


READS = {**_UNIT_READS, **_STRIPE_READS, **_PEOPLE_READS, **_BANK_READS, **dict(_chain_reads())}


_VENDORS_OWN = re.compile(r"app\.providers\.[a-z]+\.[a-z_]+")


def calls_of(providers: Providers) -> set[str]:
    """Every public call of every adapter that is in use; Plaid's webhooks make theirs through its adapter."""
    held = [getattr(providers, each.name) for each in fields(providers) if each.name != "plaid_webhooks"]
    adapters = {
        type(each)
        for value in held
        for each in (value.values() if isinstance(value, dict) else [value])
        if _VENDORS_OWN.fullmatch(type(each).__module__)
    }
    return {
        f"{adapter.__name__}.{name}"
        for adapter in adapters
        for name, method in inspect.getmembers(adapter, inspect.isfunction)
        if not name.startswith("_") and (inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method))
    }


def coins_of(chain: str, reference: str) -> CoinOrder:
    """A send has no reference of ours at the vendor, so its amount tells it apart."""
    asset = CHAINS[chain].coin
    return CoinOrder(chain, RECEIVERS[chain], Money(10_000 + int.from_bytes(reference.encode()[-3:], "big"), asset))
