"""Sagas: how they are ordered, what drives them, and what their steps may use."""

from dataclasses import dataclass
from datetime import timedelta

from app.compliance.case_store import CaseStore
from app.compliance.kyc import Reviews
from app.identity.step_up import StepUp
from app.inbox.store import InboxStore
from app.orchestrator.approvals import Approvals
from app.orchestrator.card_prompts import CardPrompts
from app.orchestrator.driver import Driver
from app.orchestrator.effects import Policy
from app.orchestrator.engine import Engine
from app.orchestrator.flows import FLOWS
from app.orchestrator.keeping import Keeping
from app.orchestrator.lookout import Lookout
from app.orchestrator.onboarding import Onboardings
from app.orchestrator.orders import Orders
from app.orchestrator.outside import Outside
from app.orchestrator.scribe import Scribe
from app.orchestrator.starting import Flows
from app.orchestrator.treasury_store import TreasuryStore
from app.orchestrator.watch_store import WatchStore
from app.providers.registry import CAPABILITIES
from app.runtime.doors import Doors
from app.runtime.ground import Ground
from app.runtime.records import Records
from app.runtime.vendors import Vendors
from app.runtime.wallets import Wallets
from app.settings import Settings
from app.wallets.configured import cooling_of, limits_of


@dataclass(frozen=True)
class Orchestration:
    """``flows`` starts sagas, ``engine`` drives them, and ``lookout`` watches what may still come after their end.

    ``outside`` and ``keeping`` are what steps may use.
    """

    flows: Flows
    keeping: Keeping
    outside: Outside
    engine: Engine
    lookout: Lookout
    orders: Orders
    onboardings: Onboardings
    card_prompts: CardPrompts
    approvals: Approvals


def open_orchestration(
    ground: Ground, records: Records, vendors: Vendors, doors: Doors, step_up: StepUp, wallets: Wallets
) -> Orchestration:
    """Over all that a step may reach. ``step_up`` is asked of whoever orders; what the house starts needs none."""
    settings, clock, hint = ground.settings, ground.clock, ground.hints.give
    sagas, telling, providers = records.sagas, doors.telling, vendors.providers
    flows = Flows(sagas, telling, clock, hint, step_up)
    keeping = _keeping(records)
    outside = Outside(providers, wallets.bank_links, keeping, Reviews(vendors.people, records.users), ground.sealer)
    scribe = Scribe(telling, clock, settings.poll_s)
    driver = Driver(FLOWS, sagas, scribe, outside, policies_of(settings), clock)
    engine = Engine(sagas, driver, telling, clock, lease_s=settings.lease_s, poll_s=settings.poll_s)
    return Orchestration(
        flows=flows,
        keeping=keeping,
        outside=outside,
        engine=engine,
        lookout=Lookout(WatchStore(records.database), sagas, flows, outside, doors.door, clock, poll_s=settings.poll_s),
        orders=_orders(ground, records, vendors, doors, flows, wallets),
        onboardings=Onboardings(Flows(sagas, telling, clock, hint)),
        card_prompts=CardPrompts(sagas, ground.sealer, clock, engine.hasten),
        approvals=Approvals(sagas, doors.door, providers.coins, keeping),
    )


def policies_of(settings: Settings) -> dict[str, Policy]:
    """The bounds of every provider's effects."""
    timeout, quiet = timedelta(seconds=settings.provider_timeout_s), timedelta(seconds=settings.quiet_period_s)
    return {
        provider: Policy(capabilities, timeout=timeout, quiet=quiet) for provider, capabilities in CAPABILITIES.items()
    }


def _keeping(records: Records) -> Keeping:
    database = records.database
    watches, treasury, cases = WatchStore(database), TreasuryStore(database), CaseStore(database)
    return Keeping(records.ledger, records.sagas, watches, treasury, records.users, cases, InboxStore(database))


def _orders(ground: Ground, records: Records, vendors: Vendors, doors: Doors, flows: Flows, wallets: Wallets) -> Orders:
    settings = ground.settings
    return Orders(
        flows,
        records.ledger,
        wallets.quotes,
        wallets.bank_links,
        network=vendors.providers.network,
        refund_rest=settings.refund_hold,
        limits=limits_of(settings),
        network_fees=wallets.network_fees,
        sealer=ground.sealer,
        clock=ground.clock,
        topup_lifetime=settings.card_topup_lifetime,
        cooling=cooling_of(settings, records.database, doors.door, ground.clock),
    )
