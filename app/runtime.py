"""The composition root: settings in, one frozen Runtime out. The whole object graph is on this screen."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import httpx2
from redis.asyncio import Redis

from app.clock import Clock, SystemClock
from app.compliance import desk
from app.compliance.batching import RecordedBatches
from app.compliance.case_store import CaseStore
from app.compliance.desk import Desk, open_desk
from app.compliance.kyc import Reviews
from app.compliance.trail import AuditedDoor, Trail
from app.compliance.trail_store import TrailStore
from app.idempotency.claims import Claims
from app.identity import store as users_store
from app.identity.configured import access_tokens, conversation_tokens, step_up_of
from app.identity.proofs import Proofs
from app.identity.step_up import StepUp
from app.identity.store import Users
from app.identity.tokens import AccessTokens
from app.inbox import store as inbox_store
from app.inbox.inbox import Inbox
from app.inbox.store import InboxStore
from app.ledger import store as ledger_store
from app.ledger.acts import Acts
from app.ledger.batch_store import BatchStore
from app.ledger.committer import Committer
from app.ledger.deciding import open_lanes
from app.ledger.expiry import Expiry
from app.ledger.preview import Previews
from app.ledger.store import LedgerStore
from app.orchestrator import store as saga_store
from app.orchestrator import sweep_store, treasury_store, watch_store
from app.orchestrator.account_use import AccountUse
from app.orchestrator.approvals import Approvals
from app.orchestrator.card_prompts import CardPrompts
from app.orchestrator.chain_news import ChainNews, chain_news
from app.orchestrator.disabling import Disabling
from app.orchestrator.driver import Driver
from app.orchestrator.effects import Policy
from app.orchestrator.engine import Engine
from app.orchestrator.flows import FLOWS
from app.orchestrator.keeping import Keeping
from app.orchestrator.lookout import Lookout
from app.orchestrator.measures import Measures, MeasuringDoor
from app.orchestrator.measures_store import MeasuresStore
from app.orchestrator.observations import Listener, Observations
from app.orchestrator.onboarding import Onboardings
from app.orchestrator.operators import Operators, Situations
from app.orchestrator.orders import Orders
from app.orchestrator.outside import Outside
from app.orchestrator.publication import Publication, TellingDoor
from app.orchestrator.registration import Endpoints
from app.orchestrator.replays import Replays
from app.orchestrator.scribe import Scribe
from app.orchestrator.silence import Silence
from app.orchestrator.silence_store import SilenceStore
from app.orchestrator.starting import Flows
from app.orchestrator.store import SagaStore
from app.orchestrator.sweep_store import SweepStore
from app.orchestrator.sweeping import Sweeping
from app.orchestrator.treasury_store import TreasuryStore
from app.orchestrator.waking import waking
from app.orchestrator.watch_store import WatchStore
from app.outbox import store as outbox_store
from app.outbox.addresses import Reach, system_resolver
from app.outbox.courier import Courier
from app.outbox.listeners import Listeners
from app.outbox.sending import Sender
from app.outbox.store import OutboxStore
from app.plumbing.collections import ensure_collections
from app.plumbing.hints import PUBLISHED, WRITTEN, Hints
from app.plumbing.mongo import Database, connect
from app.plumbing.pipelining import PipelinedRedis
from app.plumbing.rates import Rates
from app.plumbing.redis import connect_redis
from app.plumbing.sealing import Sealer
from app.plumbing.signing import Signer
from app.providers.dialogflow.webhooks import Fulfilments
from app.providers.ports import VerifiesPeople
from app.providers.registry import CAPABILITIES, Providers, fulfilments_of, open_providers
from app.settings import Environment, Settings
from app.wallets import address_store, payee_store, recipient_store
from app.wallets import card_store as cards_store
from app.wallets import store as wallet_store
from app.wallets.address_store import AddressStore
from app.wallets.bank_links import BankLinks
from app.wallets.batches import Batches
from app.wallets.card_clearing import CardClearing
from app.wallets.card_issuing import CardIssuing
from app.wallets.card_store import CardStore
from app.wallets.card_use import CardUse
from app.wallets.configured import cooling_of, limits_of, recipients_of
from app.wallets.deposit_addresses import DepositAddresses
from app.wallets.network_fees import NetworkFees
from app.wallets.offered import Offered
from app.wallets.quotes import Quotes
from app.wallets.receivers import Receivers
from app.wallets.recipients import Recipients
from app.wallets.store import WalletStore
from app.wallets.transfers import Transfers

COLLECTIONS = (
    *ledger_store.COLLECTIONS,
    *saga_store.COLLECTIONS,
    *treasury_store.COLLECTIONS,
    *watch_store.COLLECTIONS,
    *sweep_store.COLLECTIONS,
    *wallet_store.COLLECTIONS,
    *address_store.COLLECTIONS,
    *cards_store.COLLECTIONS,
    *payee_store.COLLECTIONS,
    *recipient_store.COLLECTIONS,
    *users_store.COLLECTIONS,
    *inbox_store.COLLECTIONS,
    *desk.COLLECTIONS,
    *outbox_store.COLLECTIONS,
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a process works with, wired once."""

    settings: Settings
    clock: Clock
    database: Database
    redis: Redis
    tokens: AccessTokens
    proofs: Proofs
    step_up: StepUp
    users: Users
    claims: Claims
    rates: Rates
    providers: Providers
    people: VerifiesPeople
    fulfilments: Fulfilments
    door: Committer
    ledger: LedgerStore
    sagas: SagaStore
    inbox: Inbox
    offered: Offered
    transfers: Transfers
    recipients: Recipients
    batches: RecordedBatches
    acts: Acts
    expiry: Expiry
    bank_links: BankLinks
    quotes: Quotes
    network_fees: NetworkFees
    addresses: DepositAddresses
    sealer: Sealer
    card_prompts: CardPrompts
    orders: Orders
    onboardings: Onboardings
    cards: CardIssuing
    card_use: CardUse
    hearing: Mapping[str, Listener]
    sweeping: Sweeping
    silence: Silence
    chain_news: ChainNews
    approvals: Approvals
    engine: Engine
    observations: Observations
    lookout: Lookout
    hints: Hints
    outbox: OutboxStore
    publication: Publication
    courier: Courier
    endpoints: Endpoints
    streams: Listeners
    written: Hints
    published: Hints
    signer: Signer
    measures: Measures
    figures: MeasuresStore
    audit: TrailStore
    desk: Desk
    situations: Situations
    operators: Operators
    replays: Replays


@asynccontextmanager
async def open_runtime(
    settings: Settings, clock: Clock | None = None, wire: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Runtime]:
    """Connect, make the collections true, wire; on the way out drain the door and close everything in reverse.

    ``wire`` carries the requests to issuer and providers in place of the network.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
        await stack.enter_async_context(client)
        redis = await stack.enter_async_context(connect_redis(settings.redis_url.get_secret_value()))
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, transport=wire))
        providers = await open_providers(settings, clock, wire)
        stack.push_async_callback(providers.aclose)
        await ensure_collections(database, COLLECTIONS)

        ledger, sagas, wallets = LedgerStore(client, database), SagaStore(database), WalletStore(database)
        users, outbox = Users(database, clock), OutboxStore(database)
        hints, written, published = Hints(redis), Hints(redis, WRITTEN), Hints(redis, PUBLISHED)
        random = Random()  # noqa: S311 - it only spreads retries
        measures = Measures()
        door = Committer(open_lanes(database, clock, random), measures.batches.observe)
        _watch(measures, door, providers)
        background = await stack.enter_async_context(asyncio.TaskGroup())
        background.create_task(door.run(), name="door")
        stack.callback(door.close)
        pipelined, receivers = PipelinedRedis(redis), Receivers(ledger, users)
        for gathering in (pipelined, users.reads, receivers.reads, sagas.reads):
            background.create_task(gathering.run())
            stack.callback(gathering.close)

        sealer = Sealer(settings.sealing_key, *settings.older_sealing_keys)
        bank_links = BankLinks(wallets, providers.banks, sealer, clock)
        sender = _open_sender(settings, stack)
        courier = Courier(outbox, sender, sealer, clock, random, Disabling(door).disable, poll_s=settings.poll_s)
        quotes = Quotes(
            wallets,
            door,
            providers.rates,
            clock,
            purchase_fee_bps=settings.purchase_fee_bps,
            sale_fee_bps=settings.sale_fee_bps,
            lifetime_s=settings.quote_lifetime_s,
            served=settings.tatum_wallets,
        )
        measuring = MeasuringDoor(door, measures)
        card_records, limits = CardStore(database), limits_of(settings)
        cards = CardIssuing(door, ledger, card_records, users, providers.cards, clock)
        card_use = CardUse(door, card_records, clock, answer_s=settings.card_answer_s, limits=limits)
        telling, audit = TellingDoor(measuring, ledger, clock, written.give), TrailStore(database)
        trail = Trail(telling, audit, clock)
        acts = Acts(AuditedDoor(door, trail), ledger, clock, AccountUse(sagas, WatchStore(database)).require_unused)
        compliance = open_desk(
            settings, database, door, clock, trail, users, ledger, acts=acts, tell=waking(sagas, clock, hints.give)
        )
        situations, scribe = Situations(FLOWS, sagas, ledger, clock), Scribe(telling, clock, settings.poll_s)
        reviews = Reviews(providers.people, users)
        network_fees = NetworkFees(providers.rates, providers.network, settings.tatum_wallets)
        keeping = Keeping(ledger, sagas, WatchStore(database), TreasuryStore(database), users, CaseStore(database))
        outside = Outside(providers, bank_links, keeping, reviews, sealer)
        driver = Driver(FLOWS, sagas, scribe, outside, _policies(settings), clock)
        engine = Engine(sagas, driver, telling, clock, lease_s=settings.lease_s, poll_s=settings.poll_s)
        flows = Flows(sagas, telling, clock, hints.give, step_up_of(settings, clock))
        addresses = DepositAddresses(
            AddressStore(database), door, providers.receiving, clock, providers.network, settings.address_sweep_s
        )
        sweeps, chains = SweepStore(database), tuple(settings.tatum_wallets)
        lookout = Lookout(WatchStore(database), sagas, flows, outside, door, clock, poll_s=settings.poll_s)
        news = chain_news(flows, lookout, keeping, addresses, sweeps, telling, providers, clock, chains=chains)
        hearing: dict[str, Listener] = {
            "unit": CardClearing(door, ledger, card_records, providers.cards, cards, card_use).hear,
            "plaid": bank_links.hear,
            "tatum": news.hear,
        }
        yield Runtime(
            settings=settings,
            clock=clock,
            database=database,
            redis=redis,
            tokens=access_tokens(settings, http, clock),
            proofs=Proofs(pipelined, clock),
            step_up=step_up_of(settings, clock),
            users=users,
            claims=Claims(pipelined, clock),
            rates=Rates(pipelined, clock),
            providers=providers,
            people=providers.people,
            fulfilments=fulfilments_of(settings, conversation_tokens(settings, http, clock)),
            door=door,
            ledger=ledger,
            sagas=sagas,
            inbox=Inbox(InboxStore(database), clock),
            offered=Offered(settings.assets.split(), settings.assets_by_tenant),
            recipients=recipients_of(settings, database, door, ledger, users, Rates(pipelined, clock)),
            transfers=Transfers(
                door,
                ledger,
                receivers,
                Previews(BatchStore(database), clock),
                fee_bps=settings.transfer_fee_bps,
                limits=limits,
            ),
            batches=RecordedBatches(Batches(door), trail, compliance.proposals),
            acts=acts,
            expiry=Expiry(door, ledger, clock, poll_s=settings.poll_s),
            bank_links=bank_links,
            quotes=quotes,
            network_fees=network_fees,
            addresses=addresses,
            sealer=sealer,
            card_prompts=CardPrompts(sagas, sealer, clock, engine.hasten),
            orders=Orders(
                flows,
                ledger,
                quotes,
                bank_links,
                network=providers.network,
                refund_rest=settings.refund_hold,
                limits=limits,
                network_fees=network_fees,
                sealer=sealer,
                clock=clock,
                topup_lifetime=settings.card_topup_lifetime,
                cooling=cooling_of(settings, database, door, clock),
            ),
            onboardings=Onboardings(Flows(sagas, telling, clock, hints.give)),
            cards=cards,
            card_use=card_use,
            hearing=hearing,
            sweeping=Sweeping(
                providers.event_lists, sweeps, Inbox(InboxStore(database), clock), door, clock, every_s=settings.sweep_s
            ),
            chain_news=news,
            silence=Silence(SilenceStore(database), clock, measures.observe_silence),
            approvals=Approvals(sagas, door, providers.coins),
            engine=engine,
            observations=Observations(
                InboxStore(database),
                sagas,
                users,
                providers.people,
                measuring,
                clock,
                engine.hint,
                lookout,
                hearing=hearing,
                poll_s=settings.poll_s,
            ),
            lookout=lookout,
            hints=hints,
            outbox=outbox,
            publication=Publication(
                outbox,
                users,
                door,
                clock,
                lambda feeds: published.give(" ".join(feeds)),
                courier.hint,
                poll_s=settings.poll_s,
            ),
            courier=courier,
            endpoints=Endpoints(outbox, trail, sender, sealer, clock, secrets.token_bytes),
            streams=Listeners(),
            written=written,
            published=published,
            signer=Signer(settings.receipt_key),
            measures=measures,
            figures=MeasuresStore(database, measures),
            audit=audit,
            desk=compliance,
            situations=situations,
            operators=Operators(situations, trail, audit, compliance.proposals, hints.give),
            replays=Replays(InboxStore(database), sagas, users, trail, clock, hints.give),
        )


def _watch(measures: Measures, door: Committer, providers: Providers) -> None:
    """Show what is read where it stands, whenever somebody asks."""
    measures.queue.set_function(lambda: door.waiting)
    for line in providers.transports:
        measures.circuits.labels(line.provider).set_function(line.refuses)


def _open_sender(settings: Settings, stack: AsyncExitStack) -> Sender:
    """What carries notifications to tenants' receivers."""
    reach = Reach(plain=settings.env is Environment.SANDBOX, loopback=settings.notify_loopback)
    sender = Sender(reach, system_resolver)
    stack.push_async_callback(sender.aclose)
    return sender


def _policies(settings: Settings) -> dict[str, Policy]:
    """The bounds of every provider's effects."""
    return {
        provider: Policy(
            capabilities,
            timeout=timedelta(seconds=settings.provider_timeout_s),
            quiet=timedelta(seconds=settings.quiet_period_s),
        )
        for provider, capabilities in CAPABILITIES.items()
    }
