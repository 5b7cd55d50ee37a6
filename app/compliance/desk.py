"""What officers and operators answer for, in one place."""

from dataclasses import dataclass
from datetime import timedelta

from app.clock import Clock
from app.compliance import monitor_store, proposal_store, trail_store
from app.compliance.case_rules import FourEyes
from app.compliance.case_store import CaseStore
from app.compliance.cases import Cases, Tell
from app.compliance.customers import Customers
from app.compliance.monitor_store import MonitorStore
from app.compliance.monitoring import Monitoring
from app.compliance.proposal_store import ProposalStore
from app.compliance.proposals import Proposals
from app.compliance.reversals import Reversals
from app.compliance.rules import Rule
from app.compliance.trail import Trail
from app.compliance.trail_store import TrailStore
from app.identity.store import Users
from app.ledger.acts import Acts
from app.ledger.changes import Door
from app.ledger.store import LedgerStore
from app.money import Money, asset
from app.plumbing.mongo import Database
from app.settings import Settings
from app.wallets.configured import limits_of, reference_of, threshold_of

COLLECTIONS = (*trail_store.COLLECTIONS, *proposal_store.COLLECTIONS, *monitor_store.COLLECTIONS)


@dataclass(frozen=True, slots=True)
class Desk:
    """Cases as they are read, working on them, acts on customers, and what looks for patterns by itself; what operators
    propose to one another, and what they take back.
    """

    cases: CaseStore
    deciding: Cases
    customers: Customers
    monitoring: Monitoring
    proposals: Proposals
    reversals: Reversals


def open_desk(
    settings: Settings,
    database: Database,
    door: Door,
    clock: Clock,
    trail: Trail,
    users: Users,
    ledger: LedgerStore,
    *,
    acts: Acts,
    tell: Tell,
) -> Desk:
    """The desk over one database; what is decided there is in that trail. ``tell`` wakes what waits for a decision."""
    cases, entries = CaseStore(database), TrailStore(database)
    four_eyes = threshold_of(settings, settings.four_eyes_above)
    proposals = Proposals(ProposalStore(database), trail, entries, clock, four_eyes)
    customers = Customers(users, ledger, trail, entries, limits_of(settings))
    return Desk(
        cases=cases,
        deciding=Cases(cases, trail, entries, clock, FourEyes(four_eyes), tell),
        customers=customers,
        monitoring=Monitoring(
            MonitorStore(database),
            door,
            customers,
            clock,
            reference_of(settings),
            rules_of(settings),
            poll_s=settings.poll_s,
        ),
        proposals=proposals,
        reversals=Reversals(acts, ledger, proposals),
    )


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The patterns that are looked for."""
    reference = asset(settings.reference_currency)
    return tuple(
        Rule(
            each.name,
            each.kind,
            timedelta(seconds=each.within_s),
            Money.parse(each.amount, reference).minor,
            each.count,
            each.share_pct,
            each.freezes,
        )
        for each in settings.monitoring_rules
    )
