"""What officers work with, in one place."""

from dataclasses import dataclass

from app.clock import Clock
from app.compliance.case_store import CaseStore
from app.compliance.cases import Cases
from app.compliance.customers import Customers
from app.compliance.trail import Trail
from app.compliance.trail_store import TrailStore
from app.identity.store import Users
from app.ledger.limits import Limits
from app.ledger.store import LedgerStore
from app.plumbing.mongo import Database


@dataclass(frozen=True, slots=True)
class Desk:
    """Cases as they are read, deciding them, and acts on customers."""

    cases: CaseStore
    deciding: Cases
    customers: Customers


def open_desk(
    database: Database, clock: Clock, trail: Trail, users: Users, ledger: LedgerStore, limits: Limits
) -> Desk:
    """The desk over one database; what is decided there is in that trail."""
    cases = CaseStore(database)
    return Desk(
        cases=cases,
        deciding=Cases(cases, trail, clock),
        customers=Customers(users, ledger, trail, TrailStore(database), limits),
    )
