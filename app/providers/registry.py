"""Which vendor does what: the adapters by the port they satisfy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx2

from app.clock import Clock
from app.money import Asset
from app.providers.bank_ports import IssuesCards, KeepsAccounts, MovesInside, TellsEvents
from app.providers.capabilities import Capabilities
from app.providers.card_ports import PaysCards, TakesCards
from app.providers.chain_ports import ReceivesCoins, SendsCoins
from app.providers.circuit import Circuit
from app.providers.dialogflow import webhooks as dialogflow
from app.providers.fresh_rates import FreshRates
from app.providers.plaid import adapter as plaid
from app.providers.plaid import wire as plaid_wire
from app.providers.plaid.webhooks import PlaidWebhooks
from app.providers.ports import LinksBanks, MovesAch, QuotesRates, VerifiesPeople
from app.providers.screening_ports import ScreensPayments
from app.providers.stripe import adapter as stripe
from app.providers.stripe import wire as stripe_wire
from app.providers.stripe.events import StripeEvents
from app.providers.stripe.payouts import StripePayouts
from app.providers.sumsub import adapter as sumsub
from app.providers.sumsub import wire as sumsub_wire
from app.providers.sumsub.screening import SumsubScreening
from app.providers.sumsub.signing import signer
from app.providers.tatum import adapter as tatum
from app.providers.tatum import wire as tatum_wire
from app.providers.tatum.chains import CHAINS, Network
from app.providers.tatum.receiving import TatumReceiving
from app.providers.transport import Transport
from app.providers.unit import adapter as unit
from app.providers.unit import wire as unit_wire
from app.providers.unit.accounts import UnitAccounts
from app.providers.unit.cards import UnitCards
from app.settings import Environment, Settings

CHAIN_ASSETS: Mapping[str, frozenset[Asset]] = {
    name: frozenset({chain.coin, *(token.asset for token in chain.tokens)}) for name, chain in CHAINS.items()
}
"""The chains that coins can be sent on, and what each carries, on one network or the other."""

CAPABILITIES: Mapping[str, Capabilities] = {
    vendor.PROVIDER: vendor.CAPABILITIES for vendor in (unit, tatum, stripe, sumsub, plaid, dialogflow)
}
"""What each vendor promises about repeated and abandoned calls."""

_TATUM_CONCURRENCY = 5
"""The smallest plan allows five requests a second."""
_REST_S_MAX = 15.0


@dataclass(frozen=True, slots=True)
class Providers:
    """The third parties, each by what it does for us."""

    ach: MovesAch
    accounts: KeepsAccounts
    inside: MovesInside
    event_lists: Mapping[str, TellsEvents]
    cards: IssuesCards
    coins: SendsCoins
    receiving: ReceivesCoins
    rates: QuotesRates
    card_payments: TakesCards
    card_payouts: PaysCards
    people: VerifiesPeople
    screening: ScreensPayments
    banks: LinksBanks
    plaid_webhooks: PlaidWebhooks
    network: Network
    transports: tuple[Transport, ...]

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self.transports:
            await transport.aclose()


async def open_providers(settings: Settings, clock: Clock, wire: httpx2.AsyncBaseTransport | None = None) -> Providers:
    """The adapters on lines of their own. Nothing is sent yet; the lines belong to the running event loop.

    ``wire`` carries the requests in place of the network.
    """
    network: Network = "mainnet" if settings.env is Environment.PRODUCTION else "testnet"
    unit_line, tatum_line = _unit_line(settings, clock, wire), _tatum_line(settings, clock, wire)
    sumsub_line, plaid_line = _sumsub_line(settings, clock, wire), _plaid_line(settings, clock, wire)
    stripe_line = _stripe_line(settings, clock, wire)
    wallets = {name: tatum.TreasuryWallet(**dict(wallet)) for name, wallet in settings.tatum_wallets.items()}
    chains = tatum.TatumAdapter(tatum_line, network=network, wallets=wallets)
    receiving = TatumReceiving(tatum_line, chains, network=network, wallets=wallets, told_at=settings.tatum_webhook_url)
    banks = plaid.PlaidAdapter(plaid_line)
    accounts = UnitAccounts(unit_line, product=settings.unit_deposit_product)
    return Providers(
        ach=unit.UnitAdapter(unit_line, account_id=settings.unit_account_id),
        accounts=accounts,
        inside=accounts,
        event_lists={unit.PROVIDER: accounts, stripe.PROVIDER: StripeEvents(stripe_line)},
        cards=UnitCards(unit_line),
        coins=chains,
        receiving=receiving,
        rates=FreshRates(chains, clock, tatum.PROVIDER),
        card_payments=stripe.StripeCards(stripe_line),
        card_payouts=StripePayouts(stripe_line),
        people=sumsub.SumsubAdapter(sumsub_line, level=settings.sumsub_level, clock=clock),
        screening=SumsubScreening(sumsub_line, clock=clock),
        banks=banks,
        plaid_webhooks=PlaidWebhooks(banks, clock),
        network=network,
        transports=(unit_line, tatum_line, stripe_line, sumsub_line, plaid_line),
    )


def fulfilments_of(settings: Settings, tokens: dialogflow.VerifiesTokens) -> dialogflow.Fulfilments:
    """The reader of what conversations ask; nobody is called for it but whom the tokens are verified with."""
    account, secret = settings.dialogflow_service_account, settings.dialogflow_secret
    return dialogflow.Fulfilments(tokens, service_account=account, secret=secret)


def _unit_line(settings: Settings, clock: Clock, wire: httpx2.AsyncBaseTransport | None) -> Transport:
    return Transport(
        unit.PROVIDER,
        base_url=settings.unit_base_url,
        timeout_s=settings.provider_timeout_s,
        transport=wire,
        error_code=unit_wire.error_code,
        circuit=_circuit(unit.PROVIDER, settings, clock),
        headers=unit.request_headers(settings.unit_token),
    )


def _tatum_line(settings: Settings, clock: Clock, wire: httpx2.AsyncBaseTransport | None) -> Transport:
    return Transport(
        tatum.PROVIDER,
        base_url=settings.tatum_base_url,
        timeout_s=settings.provider_timeout_s,
        transport=wire,
        error_code=tatum_wire.error_code,
        circuit=_circuit(tatum.PROVIDER, settings, clock),
        headers=tatum.request_headers(settings.tatum_api_key),
        concurrency=_TATUM_CONCURRENCY,
    )


def _stripe_line(settings: Settings, clock: Clock, wire: httpx2.AsyncBaseTransport | None) -> Transport:
    return Transport(
        stripe.PROVIDER,
        base_url=settings.stripe_base_url,
        timeout_s=settings.provider_timeout_s,
        transport=wire,
        error_code=stripe_wire.error_code,
        circuit=_circuit(stripe.PROVIDER, settings, clock),
        headers=stripe.request_headers(settings.stripe_secret_key),
    )


def _sumsub_line(settings: Settings, clock: Clock, wire: httpx2.AsyncBaseTransport | None) -> Transport:
    return Transport(
        sumsub.PROVIDER,
        base_url=settings.sumsub_base_url,
        timeout_s=settings.provider_timeout_s,
        transport=wire,
        error_code=sumsub_wire.error_code,
        circuit=_circuit(sumsub.PROVIDER, settings, clock),
        sign=signer(settings.sumsub_app_token, settings.sumsub_secret, clock),
    )


def _plaid_line(settings: Settings, clock: Clock, wire: httpx2.AsyncBaseTransport | None) -> Transport:
    return Transport(
        plaid.PROVIDER,
        base_url=settings.plaid_base_url,
        timeout_s=settings.provider_timeout_s,
        transport=wire,
        error_code=plaid_wire.error_code,
        circuit=_circuit(plaid.PROVIDER, settings, clock),
        headers=plaid.request_headers(settings.plaid_client_id, settings.plaid_secret),
    )


def _circuit(provider: str, settings: Settings, clock: Clock) -> Circuit:
    """A vendor that is silent rests for as long as a call to it may take, and never for long."""
    return Circuit(provider, clock, rest=timedelta(seconds=min(settings.provider_timeout_s, _REST_S_MAX)))
