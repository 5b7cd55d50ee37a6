"""What is ordered of each flow, and what the customer has in the end: a flow that is registered needs at least one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from app.clock import rfc3339
from app.ledger.accounts import Account, customer_account, main_account
from app.ledger.changes import Document
from app.money import ASSETS, BTC, USD, Asset, Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import money
from tests.checker.asking import START
from tests.checker.flow_ports import OURS
from tests.checker.flow_world import BOOK, REST, USER, World
from tests.checker.things import Thing

DOLLARS, COINS = f"{BOOK}/acc_dollars", f"{BOOK}/acc_coins"
QUOTE = f"{BOOK}/quo_1"
ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"

ETH = ASSETS["ETH"]
HUNDRED, FEE, NETWORK, Q = Money(10_000, USD), Money(150, USD), Money(80, USD), Money(1_000, BTC)

Wealth = Mapping[str, int]
"""By currency, in minor units: what somebody has more, or less, than before."""


@dataclass(frozen=True, slots=True)
class Order:
    """``inside`` and ``outside``: what completing it adds to the customer's accounts here, and to their own elsewhere.

    Undoing it adds nothing. ``things``: what third parties have before, and the books have as it was then. ``freezes``:
    how often an officer may freeze the customer's accounts meanwhile. ``reorgs``: how often the chain may change its
    mind, also after the end. ``followed``: whether what the lookout makes of what comes after the end is followed too.
    """

    flow: str
    params: Mapping[str, Any]
    inside: Wealth = field(default_factory=dict)
    outside: Wealth = field(default_factory=dict)
    things: tuple[Thing, ...] = ()
    freezes: int = 0
    reorgs: int = 0
    followed: bool = False

    def world(self) -> World:
        """Before the order: a customer with five hundred dollars and some coins, and coins to sell."""
        opened = {
            each.id: replace(each, balance=balance, version=1)
            for each, balance in (
                (customer_account(DOLLARS, USD, USER), 50_000),
                (customer_account(COINS, BTC, USER), 10 * Q.minor),
                (chart.bank(BOOK, USD), -50_000),
                (chart.trading(BOOK, BTC), 100 * Q.minor),
                (chart.custody(BOOK, BTC), -110 * Q.minor),
            )
        }
        documents: dict[tuple[str, str], Document] = {
            ("quotes", QUOTE): {"version": 1},
            ("users", f"{BOOK}/{USER}"): {"tenant": BOOK, "user_id": USER, "version": 1},
        }
        world = World(accounts=opened, documents=documents, things=self.things)
        return replace(world, freezes=self.freezes, reorgs=self.reorgs)


def _purchase(**chosen: Any) -> Mapping[str, Any]:
    agreed = {"total": HUNDRED, "fee": FEE, "network_fee": NETWORK, "coins": Q}
    return {
        "quote_id": QUOTE,
        "quote_version": 1,
        **{name: money(amount) for name, amount in agreed.items()},
        "account_id": main_account(BOOK, USER, USD).id if chosen["funding"] == "bank" else DOLLARS,
        "refund_rest_s": int(REST.total_seconds()),
        **chosen,
    }


_BANK = {"funding": "bank", "bank_link_id": f"{BOOK}/lnk_1"}
_ACCOUNT = {"funding": "account"}
_CHAIN = {"chain": "bitcoin", "address": ADDRESS}
_HERE = {"receiving_account_id": COINS}
_MINUS, _PLUS_Q = {"USD": -HUNDRED.minor}, {"BTC": Q.minor}

ORDERS: Mapping[str, Order] = {
    "purchase, bank to chain": Order(
        "purchase", _purchase(**_BANK, **_CHAIN), outside={**_MINUS, **_PLUS_Q}, followed=True
    ),
    "purchase, bank to account": Order("purchase", _purchase(**_BANK, **_HERE), _PLUS_Q, _MINUS, followed=True),
    "purchase, account to chain": Order("purchase", _purchase(**_ACCOUNT, **_CHAIN), _MINUS, _PLUS_Q),
    "purchase, account to account": Order("purchase", _purchase(**_ACCOUNT, **_HERE), {**_MINUS, **_PLUS_Q}),
    "sale": Order(
        "sale",
        {
            "quote_id": QUOTE,
            "quote_version": 1,
            "coins": money(Q),
            "total": money(HUNDRED),
            "fee": money(FEE),
            "source_account_id": COINS,
            "receiving_account_id": DOLLARS,
        },
        {"USD": HUNDRED.minor, "BTC": -Q.minor},
    ),
    "deposit": Order(
        "deposit",
        {"account_id": DOLLARS, "bank_link_id": f"{BOOK}/lnk_1", "amount": money(HUNDRED)},
        {"USD": HUNDRED.minor},
        _MINUS,
        followed=True,
    ),
    "withdrawal": Order(
        "withdrawal",
        {"account_id": DOLLARS, "bank_link_id": f"{BOOK}/lnk_1", "amount": money(HUNDRED)},
        _MINUS,
        {"USD": HUNDRED.minor},
        followed=True,
    ),
    "crypto withdrawal": Order(
        "crypto_withdrawal",
        {"account_id": COINS, **_CHAIN, "amount": money(Q), "network_fee": money(Money(10, BTC))},
        {"BTC": -Q.minor - 10},
        _PLUS_Q,
        reorgs=2,
        followed=True,
    ),
    "nonce fill": Order("nonce_fill", {"chain": "ethereum", "address": OURS, "nonce": 0, "gas_percent": 100}),
    "crypto deposit": Order(
        "crypto_deposit",
        {
            "chain": "bitcoin",
            "tx_id": "tx#0",
            "place": "0",
            "address": ADDRESS,
            "amount": money(Q),
            "account_id": COINS,
        },
        _PLUS_Q,
        things=(Thing("incoming", "", "shallow", ("bitcoin", ADDRESS, Q.minor, "BTC")),),
        reorgs=2,
        followed=True,
    ),
    "card top-up": Order(
        "card_topup",
        {"account_id": DOLLARS, "amount": money(HUNDRED), "expires_at": rfc3339(START + timedelta(seconds=1))},
        {"USD": HUNDRED.minor},
        _MINUS,
    ),
    "card payout": Order(
        "card_payout",
        {"account_id": DOLLARS, "amount": money(HUNDRED), "card_token": "sealed"},
        _MINUS,
        {"USD": HUNDRED.minor},
    ),
    "onboarding": Order("onboarding", {"applicant_id": "#0"}, things=(Thing("applicant", "", "none"),)),
    "recovery of a returned deposit": Order(
        "recovery",
        {
            "kind": "ach-pull",
            "ref": "unit:payment:#0",
            "happened": "returned",
            "saga_id": f"{BOOK}/sag_earlier",
            "step": "collect",
            "facts": {"account_id": DOLLARS, "amount": money(HUNDRED)},
        },
        _MINUS,
        {"USD": HUNDRED.minor},
        things=(Thing("payment", "earlier", "returned", ("Debit", HUNDRED.minor, "USD")),),
    ),
}


def assets() -> tuple[Asset, ...]:
    """The currencies of every order."""
    return (USD, BTC, ETH)


def account_of(world: World, account: Account) -> int:
    """An account's balance; nothing, if it is not there yet."""
    known = world.accounts.get(account.id)
    return known.balance if known else 0
