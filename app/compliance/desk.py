"""What officers work with, in one place."""

from dataclasses import dataclass

from app.clock import Clock
from app.compliance.case_rules import FourEyes
from app.compliance.case_store import CaseStore
from app.compliance.cases import Cases, Tell
from app.compliance.customers import Customers
from app.compliance.trail import Trail
from app.compliance.trail_store import TrailStore
from app.identity.store import Users
from app.ledger.store import LedgerStore
from app.plumbing.mongo import Database
from app.settings import Settings
from app.wallets.configured import limits_of, threshold_of


@dataclass(frozen=True, slots=True)
class Desk:
    """Cases as they are read, working on them, and acts on customers."""

    cases: CaseStore
    deciding: Cases
    customers: Customers


def open_desk(
    settings: Settings, database: Database, clock: Clock, trail: Trail, users: Users, ledger: LedgerStore, tell: Tell
) -> Desk:
    """The desk over one database; what is decided there is in that trail. ``tell`` wakes what waits for a decision."""
    cases, entries = CaseStore(database), TrailStore(database)
    four_eyes = FourEyes(threshold_of(settings, settings.four_eyes_above))
    return Desk(
        cases=cases,
        deciding=Cases(cases, trail, entries, clock, four_eyes, tell),
        customers=Customers(users, ledger, trail, entries, limits_of(settings)),
    )
