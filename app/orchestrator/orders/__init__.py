"""What customers order, by family: a request checked against what they own, turned into parameters, and started."""

from datetime import timedelta

from app.clock import Clock
from app.ids import public_id, stored_id
from app.ledger.limits import UNLIMITED, Limits
from app.ledger.store import LedgerStore
from app.orchestrator.journal import SagaRecord
from app.orchestrator.orders.bank import BankOrders
from app.orchestrator.orders.cards import CardOrders
from app.orchestrator.orders.chains import ChainOrders
from app.orchestrator.orders.trades import Trades
from app.orchestrator.starting import Flows
from app.plumbing.sealing import Sealer
from app.providers.tatum.chains import Network
from app.wallets.bank_links import BankLinks
from app.wallets.cooling import Cooling
from app.wallets.network_fees import NetworkFees
from app.wallets.quotes import Quotes


class Orders:
    """Whatever can be ordered."""

    def __init__(
        self,
        flows: Flows,
        ledger: LedgerStore,
        quotes: Quotes,
        bank_links: BankLinks,
        *,
        network: Network,
        refund_rest: timedelta,
        limits: Limits = UNLIMITED,
        network_fees: NetworkFees,
        sealer: Sealer,
        clock: Clock,
        topup_lifetime: timedelta,
        cooling: Cooling,
    ) -> None:
        self.trades = Trades(
            flows, ledger, quotes, bank_links, network=network, refund_rest=refund_rest, limits=limits, cooling=cooling
        )
        self.bank = BankOrders(flows, ledger, bank_links, cooling, limits=limits)
        self.chains = ChainOrders(flows, ledger, network_fees, network, cooling, limits=limits)
        self.cards = CardOrders(flows, ledger, sealer, clock, topup_lifetime=topup_lifetime, limits=limits)


def order_id(saga: SagaRecord, kind: str) -> str:
    """The public id of an order: that of its saga, under its own name."""
    return f"{kind}_{public_id(saga.id).partition('_')[2]}"


def saga_id_of(book: str, order: str) -> str:
    """The stored saga id behind an order's public id."""
    return stored_id(book, f"sag_{order.partition('_')[2]}")
