"""Trades at a quote: fiat for crypto, and crypto for fiat."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from app.errors import CurrencyMismatch, DestinationNotFound, InvalidAddress, QuoteMismatch
from app.ids import stored_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.ledger.checks import require_open
from app.ledger.limits import Limits, Spending
from app.ledger.store import LedgerStore
from app.money import USD, Asset, Money
from app.orchestrator.flows.purchase import PURCHASE, SCREENED_PURCHASE, Purchase, goes_on_chain, pays_from_bank
from app.orchestrator.flows.sale import SALE, Sale
from app.orchestrator.journal import SagaRecord
from app.orchestrator.orders.bank import ACH_PULL_RAIL
from app.orchestrator.orders.chains import CHAIN_OUT_RAIL
from app.orchestrator.saga import Saga
from app.orchestrator.starting import Asked, Flows
from app.providers.tatum.addresses import canonical_address, is_valid_address
from app.providers.tatum.chains import Network
from app.wallets.bank_links import BankLinks
from app.wallets.cooling import Cooling
from app.wallets.network_fees import require_offered
from app.wallets.opening import own_account, passing_account
from app.wallets.quotes import Quote, Quotes

TRADE_RAIL = "trade"
"""What limits call buying and selling, whatever pays."""


@dataclass(frozen=True, slots=True)
class Funding:
    """Where the fiat comes from; ``id`` is the public id of a bank link or of an account."""

    type: Literal["bank", "account"]
    id: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the coins go: a public account id, or an address on a chain."""

    account_id: str | None = None
    chain: str | None = None
    address: str | None = None


class Trades:
    """Accepts purchases and sales."""

    def __init__(
        self,
        flows: Flows,
        ledger: LedgerStore,
        quotes: Quotes,
        bank_links: BankLinks,
        *,
        network: Network,
        refund_rest: timedelta,
        limits: Limits,
        cooling: Cooling,
    ) -> None:
        self._flows = flows
        self._ledger = ledger
        self._quotes = quotes
        self._bank_links = bank_links
        self._network: Network = network
        self._refund_rest = refund_rest
        self._limits = limits
        self._cooling = cooling

    async def purchase(self, asked: Asked, quote_id: str, funding: Funding, destination: Destination) -> SagaRecord:
        """Start buying at a quote; asked again with the same key, the same purchase answers.

        Raises IdempotencyKeyReused, Missing (quote), QuoteUsed, QuoteExpired, QuoteMismatch, Missing (bank link) or
        AccountNotFound, CurrencyMismatch, InvalidAddress, ChainUnsupported or DestinationNotFound, CoolingPeriod (of
        the link, then of the address), AccountClosed, AccountFrozen, UserFrozen, InsufficientFunds, LimitExceeded (of
        the trade, then of what a bank pays, then of what goes to an address).
        """

        async def prepare(_saga_id: str) -> Purchase:
            quote = await self._quotes.usable(asked.book, asked.user_id, quote_id, "buy")
            return Purchase(
                quote_id=quote.id,
                quote_version=quote.version,
                total=quote.total,
                fee=quote.fee,
                network_fee=quote.network_fee,
                coins=quote.base_amount,
                refund_rest_s=int(self._refund_rest.total_seconds()),
                **await self._funding(asked, quote, funding),
                **await self._destination(asked, quote, destination),
            )

        def spends(purchase: Purchase) -> tuple[Spending, ...]:
            paid = [(TRADE_RAIL, purchase.total)]
            if pays_from_bank(purchase):
                paid.append((ACH_PULL_RAIL, purchase.total))
            if goes_on_chain(purchase):
                paid.append((CHAIN_OUT_RAIL, purchase.coins))
            return tuple(each for rail, amount in paid for each in self._spent(asked, rail, amount))

        def variant(purchase: Purchase) -> Saga:
            checked = goes_on_chain(purchase) and self._limits.needs_screening(purchase.total)
            return SCREENED_PURCHASE if checked else PURCHASE

        return await self._flows.start(PURCHASE, asked, prepare, spends, variant)

    async def sale(
        self, asked: Asked, quote_id: str, source_account_id: str, destination_account_id: str
    ) -> SagaRecord:
        """Start selling at a quote; asked again with the same key, the same sale answers.

        Raises IdempotencyKeyReused, Missing (quote), QuoteUsed, QuoteExpired, QuoteMismatch, AccountNotFound,
        CurrencyMismatch (source), DestinationNotFound, CurrencyMismatch (destination), AccountClosed, AccountFrozen,
        InsufficientFunds, LimitExceeded.
        """

        async def prepare(_saga_id: str) -> Sale:
            quote = await self._quotes.usable(asked.book, asked.user_id, quote_id, "sell")
            source = await self._paying_account(asked, source_account_id, quote.base_amount.asset)
            receiving = await self._receiving_account(asked, destination_account_id, quote.total.asset)
            return Sale(
                quote_id=quote.id,
                quote_version=quote.version,
                coins=quote.base_amount,
                total=quote.total,
                fee=quote.fee,
                source_account_id=source.id,
                receiving_account_id=receiving.id,
            )

        return await self._flows.start(SALE, asked, prepare, lambda sale: self._spent(asked, TRADE_RAIL, sale.total))

    def _spent(self, asked: Asked, rail: str, amount: Money) -> tuple[Spending, ...]:
        return Spending.of(asked.user_id, rail, amount, self._limits)

    async def _funding(self, asked: Asked, quote: Quote, funding: Funding) -> dict[str, Any]:
        if funding.type == "bank":
            if quote.total.asset != USD:
                raise QuoteMismatch("banks are pulled in USD only")
            link = await self._bank_links.own(asked.book, asked.user_id, funding.id)
            self._cooling.require_rested_link(link)
            account_id = await passing_account(self._ledger, asked.book, asked.user_id, USD)
            return {"funding": "bank", "bank_link_id": link.id, "account_id": account_id}
        account = await self._paying_account(asked, funding.id, quote.total.asset)
        return {"funding": "account", "account_id": account.id}

    async def _destination(self, asked: Asked, quote: Quote, destination: Destination) -> dict[str, Any]:
        if destination.chain != quote.chain:
            raise QuoteMismatch("it was made for delivery elsewhere; ask for one with this destination's chain")
        if destination.account_id is None:
            chain, address = str(destination.chain), str(destination.address)
            if not is_valid_address(chain, self._network, address):
                raise InvalidAddress(chain)
            require_offered(chain, quote.base_amount, self._network)
            to = canonical_address(chain, address)
            await self._cooling.require_rested_address(asked.book, asked.user_id, chain, to)
            return {"chain": chain, "address": to}
        account = await self._receiving_account(asked, destination.account_id, quote.base_amount.asset)
        return {"receiving_account_id": account.id}

    async def _paying_account(self, asked: Asked, account_id: str, currency: Asset) -> Account:
        account = await own_account(self._ledger, asked.book, asked.user_id, account_id)
        _require_currency(account, currency)
        return account

    async def _receiving_account(self, asked: Asked, account_id: str, currency: Asset) -> Account:
        account = await self._ledger.account(stored_id(asked.book, account_id))
        if account is None or account.role != CUSTOMER or account.user_id != asked.user_id:
            raise DestinationNotFound
        if account.status is AccountStatus.CLOSED:
            raise DestinationNotFound
        _require_currency(account, currency)
        require_open([account])
        return account


def _require_currency(account: Account, currency: Asset) -> None:
    if account.asset != currency:
        raise CurrencyMismatch(expected=currency.code, given=account.asset.code)
