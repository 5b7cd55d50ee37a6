"""What tenants and customers are told: feeds, deliveries to endpoints, and streams that are open."""

import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random

from app.orchestrator.disabling import Disabling
from app.orchestrator.publication import Publication
from app.orchestrator.registration import Endpoints
from app.outbox.addresses import Reach, system_resolver
from app.outbox.courier import Courier
from app.outbox.listeners import Listeners
from app.outbox.sending import Sender
from app.outbox.store import OutboxStore
from app.runtime.doors import Doors
from app.runtime.ground import Ground
from app.runtime.records import Records
from app.settings import Environment, Settings


@dataclass(frozen=True)
class Notifications:
    """``publication`` numbers what was written and ``courier`` delivers it; ``streams`` are who listens here."""

    outbox: OutboxStore
    publication: Publication
    courier: Courier
    endpoints: Endpoints
    streams: Listeners


def open_notifications(ground: Ground, records: Records, doors: Doors, stack: AsyncExitStack) -> Notifications:
    """Ready to deliver; the connections to receivers are closed with the runtime."""
    settings, clock, sealer = ground.settings, ground.clock, ground.sealer
    outbox, sender = OutboxStore(records.database), _open_sender(settings, stack)
    spread = Random()  # noqa: S311 - it only spreads retries
    courier = Courier(outbox, sender, sealer, clock, spread, Disabling(doors.door).disable, poll_s=settings.poll_s)

    async def tell(feeds: Sequence[str]) -> None:
        await ground.published.give(" ".join(feeds))

    return Notifications(
        outbox=outbox,
        publication=Publication(outbox, records.users, doors.door, clock, tell, courier.hint, poll_s=settings.poll_s),
        courier=courier,
        endpoints=Endpoints(outbox, doors.trail, sender, sealer, clock, secrets.token_bytes),
        streams=Listeners(),
    )


def _open_sender(settings: Settings, stack: AsyncExitStack) -> Sender:
    """What carries notifications to tenants' receivers."""
    reach = Reach(plain=settings.env is Environment.SANDBOX, loopback=settings.notify_loopback)
    sender = Sender(reach, system_resolver)
    stack.push_async_callback(sender.aclose)
    return sender
