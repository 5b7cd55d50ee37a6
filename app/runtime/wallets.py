"""What customers have and do that needs no saga: transfers, quotes, bank links, cards, addresses."""

from dataclasses import dataclass

from app.ledger.batch_store import BatchStore
from app.ledger.preview import Previews
from app.plumbing.rates import Rates
from app.runtime.background import Background
from app.runtime.doors import Doors
from app.runtime.ground import Ground
from app.runtime.records import Records
from app.runtime.vendors import Vendors
from app.wallets.address_store import AddressStore
from app.wallets.bank_links import BankLinks
from app.wallets.card_clearing import CardClearing
from app.wallets.card_issuing import CardIssuing
from app.wallets.card_store import CardStore
from app.wallets.card_use import CardUse
from app.wallets.configured import limits_of, recipients_of
from app.wallets.deposit_addresses import DepositAddresses
from app.wallets.network_fees import NetworkFees
from app.wallets.offered import Offered
from app.wallets.quotes import Quotes
from app.wallets.receivers import Receivers
from app.wallets.recipients import Recipients
from app.wallets.store import WalletStore
from app.wallets.transfers import Transfers


@dataclass(frozen=True)
class Wallets:
    """``card_use`` answers the bank's questions about cards, ``card_clearing`` books what came of them."""

    offered: Offered
    transfers: Transfers
    recipients: Recipients
    bank_links: BankLinks
    quotes: Quotes
    network_fees: NetworkFees
    addresses: DepositAddresses
    cards: CardIssuing
    card_use: CardUse
    card_clearing: CardClearing


def open_wallets(
    ground: Ground, records: Records, vendors: Vendors, doors: Doors, rates: Rates, background: Background
) -> Wallets:
    """Over the books and the vendors; ``rates`` bounds how often anybody may look for others."""
    settings, clock, database = ground.settings, ground.clock, records.database
    door, ledger, providers = doors.door, records.ledger, vendors.providers
    card_records, limits = CardStore(database), limits_of(settings)
    cards = CardIssuing(door, ledger, card_records, records.users, providers.cards, clock)
    card_use = CardUse(door, card_records, clock, answer_s=settings.card_answer_s, limits=limits)
    receivers, previews = Receivers(ledger, records.users), Previews(BatchStore(database), clock)
    store = WalletStore(database)
    background.start(receivers.reads, store.links)
    return Wallets(
        offered=Offered(settings.assets.split(), settings.assets_by_tenant),
        transfers=Transfers(door, ledger, receivers, previews, fee_bps=settings.transfer_fee_bps, limits=limits),
        recipients=recipients_of(settings, database, door, ledger, records.users, rates),
        bank_links=BankLinks(store, providers.banks, ground.sealer, clock),
        quotes=_quotes(ground, records, vendors, doors),
        network_fees=NetworkFees(providers.rates, providers.network, settings.tatum_wallets),
        addresses=DepositAddresses(
            AddressStore(database), door, providers.receiving, clock, providers.network, settings.address_sweep_s
        ),
        cards=cards,
        card_use=card_use,
        card_clearing=CardClearing(door, ledger, card_records, providers.cards, cards, card_use),
    )


def _quotes(ground: Ground, records: Records, vendors: Vendors, doors: Doors) -> Quotes:
    settings = ground.settings
    return Quotes(
        WalletStore(records.database),
        doors.door,
        vendors.providers.rates,
        ground.clock,
        purchase_fee_bps=settings.purchase_fee_bps,
        sale_fee_bps=settings.sale_fee_bps,
        lifetime_s=settings.quote_lifetime_s,
        served=settings.tatum_wallets,
    )
