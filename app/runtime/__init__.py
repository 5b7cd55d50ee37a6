"""The composition root: settings in, one frozen Runtime out.

``open_runtime`` is the table of contents. Each room is a file: what it gives, and how that is made of what the rooms
before it gave. What only one room needs stays inside it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2

from app.clock import Clock, SystemClock
from app.runtime.background import open_background
from app.runtime.doors import Doors, open_doors
from app.runtime.edge import Edge, open_edge
from app.runtime.ground import Ground, open_ground
from app.runtime.news import News, open_news
from app.runtime.notifications import Notifications, open_notifications
from app.runtime.orchestration import Orchestration, open_orchestration
from app.runtime.oversight import Oversight, open_oversight
from app.runtime.records import COLLECTIONS, Records, open_records
from app.runtime.vendors import Vendors, open_vendors
from app.runtime.wallets import Wallets, open_wallets
from app.settings import Settings

__all__ = ["COLLECTIONS", "Runtime", "open_runtime"]


@dataclass(frozen=True)
class Runtime(Ground, Records, Vendors, Doors, Edge, Wallets, Oversight, Orchestration, News, Notifications):
    """Everything that a process works with, wired once: all rooms in one, so that nobody need know which has what."""


@asynccontextmanager
async def open_runtime(
    settings: Settings, clock: Clock | None = None, wire: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Runtime]:
    """Connect, make the collections true, wire; on the way out drain the door and close everything in reverse.

    ``wire`` carries the requests to issuer and providers in place of the network.
    """
    async with AsyncExitStack() as stack:
        ground = await open_ground(settings, clock or SystemClock(), stack)
        records = await open_records(ground, stack)
        vendors = await open_vendors(ground, stack, wire)
        background = await open_background(stack, records.users.reads, records.sagas.reads)
        doors = open_doors(ground, records, background)
        edge = await open_edge(ground, stack, background, wire)
        wallets = open_wallets(ground, records, vendors, doors, edge.rates, background)
        oversight = open_oversight(ground, records, doors)
        orchestration = open_orchestration(ground, records, vendors, doors, edge.step_up, wallets)
        news = open_news(ground, records, vendors, doors, wallets, orchestration, background)
        notifications = open_notifications(ground, records, doors, stack)
        yield Runtime(
            **vars(ground),
            **vars(records),
            **vars(vendors),
            **vars(doors),
            **vars(edge),
            **vars(wallets),
            **vars(oversight),
            **vars(orchestration),
            **vars(news),
            **vars(notifications),
        )
