"""Trades at a quote: fiat for crypto."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from app.errors import CurrencyMismatch, DestinationNotFound, InvalidAddress, QuoteMismatch
from app.ids import stored_id
from app.ledger.accounts import Account, AccountStatus
from app.ledger.store import LedgerStore
from app.money import USD
from app.orchestrator.flows.purchase import PURCHASE, Purchase
from app.orchestrator.journal import SagaRecord
from app.orchestrator.starting import Asked, Flows
from app.providers.tatum.addresses import is_valid_address
from app.providers.tatum.chains import Network
from app.wallets.bank_links import BankLinks
from app.wallets.opening import own_account, passing_account
from app.wallets.quotes import Quote, Quotes


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
    """Accepts purchases."""

    def __init__(
        self,
        flows: Flows,
        ledger: LedgerStore,
        quotes: Quotes,
        bank_links: BankLinks,
        *,
        network: Network,
        refund_rest: timedelta,
    ) -> None:
        self._flows = flows
        self._ledger = ledger
        self._quotes = quotes
        self._bank_links = bank_links
        self._network = network
        self._refund_rest = refund_rest

    async def purchase(self, asked: Asked, quote_id: str, funding: Funding, destination: Destination) -> SagaRecord:
        """Start buying at a quote; asked again with the same key, the same purchase answers.

        Raises IdempotencyKeyReused, Missing (quote, bank link), QuoteUsed, QuoteExpired, QuoteMismatch,
        AccountNotFound, CurrencyMismatch, DestinationNotFound, InvalidAddress, AccountFrozen, InsufficientFunds.
        """

        async def prepare(_saga_id: str) -> Purchase:
            quote = await self._quotes.usable(asked.book, asked.user_id, quote_id)
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

        return await self._flows.start(PURCHASE, asked, prepare)

    async def _funding(self, asked: Asked, quote: Quote, funding: Funding) -> dict[str, Any]:
        if funding.type == "bank":
            if quote.total.asset != USD:
                raise QuoteMismatch("banks are pulled in USD only")
            link = await self._bank_links.own(asked.book, asked.user_id, funding.id)
            account_id = await passing_account(self._ledger, asked.book, asked.user_id, USD)
            return {"funding": "bank", "bank_link_id": link.id, "account_id": account_id}
        account = await own_account(self._ledger, asked.book, asked.user_id, funding.id)
        if account.asset != quote.total.asset:
            raise CurrencyMismatch(expected=quote.total.asset.code, given=account.asset.code)
        return {"funding": "account", "account_id": account.id}

    async def _destination(self, asked: Asked, quote: Quote, destination: Destination) -> dict[str, Any]:
        if destination.chain != quote.chain:
            raise QuoteMismatch("it was made for delivery elsewhere; ask for one with this destination's chain")
        if destination.account_id is None:
            chain, address = str(destination.chain), str(destination.address)
            if not is_valid_address(chain, self._network, address):
                raise InvalidAddress(chain)
            return {"chain": chain, "address": address}
        account = await self._receiving_account(asked, destination.account_id)
        if account.asset != quote.base_amount.asset:
            raise CurrencyMismatch(expected=quote.base_amount.asset.code, given=account.asset.code)
        return {"receiving_account_id": account.id}

    async def _receiving_account(self, asked: Asked, account_id: str) -> Account:
        account = await self._ledger.account(stored_id(asked.book, account_id))
        if account is None or account.user_id != asked.user_id or account.status is AccountStatus.CLOSED:
            raise DestinationNotFound
        return account
