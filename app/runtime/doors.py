"""The one door to money and sagas, what stands in front of it for whom, and what goes through it by itself."""

from dataclasses import dataclass
from random import Random

from app.compliance.trail import AuditedDoor, Trail
from app.ledger.acts import Acts
from app.ledger.committer import Committer
from app.ledger.deciding import open_lanes
from app.ledger.expiry import Expiry
from app.orchestrator.account_use import AccountUse
from app.orchestrator.measures import MeasuringDoor
from app.orchestrator.publication import TellingDoor
from app.orchestrator.watch_store import WatchStore
from app.runtime.background import Background
from app.runtime.ground import Ground
from app.runtime.records import Records


@dataclass(frozen=True)
class Doors:
    """Every one leads to ``door``: ``measuring`` counts what passes, ``telling`` also tells the publisher of it.

    What people answer for goes by ``trail``, acts on accounts and transactions by ``acts``.
    """

    door: Committer
    measuring: MeasuringDoor
    telling: TellingDoor
    trail: Trail
    acts: Acts
    expiry: Expiry


def open_doors(ground: Ground, records: Records, background: Background) -> Doors:
    """The door is open, and committing, until the runtime closes."""
    clock, ledger = ground.clock, records.ledger
    spread = Random()  # noqa: S311 - it only spreads retries
    door = Committer(open_lanes(records.database, clock, spread), ground.measures.batches.observe)
    ground.measures.queue.set_function(lambda: door.waiting)
    background.start(door)
    measuring = MeasuringDoor(door, ground.measures)
    telling = TellingDoor(measuring, ledger, clock, ground.written.give)
    trail = Trail(telling, records.audit, clock)
    account_use = AccountUse(records.sagas, WatchStore(records.database))
    return Doors(
        door=door,
        measuring=measuring,
        telling=telling,
        trail=trail,
        acts=Acts(AuditedDoor(door, trail), ledger, clock, account_use.require_unused),
        expiry=Expiry(door, ledger, clock, poll_s=ground.settings.poll_s),
    )
