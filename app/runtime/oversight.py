"""What officers and operators see and answer for; whatever they do goes into the trail."""

from dataclasses import dataclass

from app.compliance.batching import RecordedBatches
from app.compliance.desk import Desk, open_desk
from app.inbox.store import InboxStore
from app.orchestrator.flows import FLOWS
from app.orchestrator.operators import Operators, Situations
from app.orchestrator.replays import Replays
from app.orchestrator.waking import waking
from app.runtime.doors import Doors
from app.runtime.ground import Ground
from app.runtime.records import Records
from app.wallets.batches import Batches


@dataclass(frozen=True)
class Oversight:
    """``desk`` is the officers' place; operators look at ``situations``, and give commands to ``operators``."""

    desk: Desk
    batches: RecordedBatches
    situations: Situations
    operators: Operators
    replays: Replays


def open_oversight(ground: Ground, records: Records, doors: Doors) -> Oversight:
    """Over the books and the sagas; nobody outside is asked."""
    clock, sagas, trail, hint = ground.clock, records.sagas, doors.trail, ground.hints.give
    desk = open_desk(
        ground.settings,
        records.database,
        doors.door,
        clock,
        trail,
        records.users,
        records.ledger,
        acts=doors.acts,
        tell=waking(sagas, clock, hint),
    )
    situations = Situations(FLOWS, sagas, records.ledger, clock)
    return Oversight(
        desk=desk,
        batches=RecordedBatches(Batches(doors.door), trail, desk.proposals),
        situations=situations,
        operators=Operators(situations, trail, records.audit, desk.proposals, hint),
        replays=Replays(InboxStore(records.database), sagas, records.users, trail, clock, hint),
    )
