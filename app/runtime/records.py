"""What is kept in MongoDB, and the stores that several rooms read it with."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.compliance import desk
from app.compliance.trail_store import TrailStore
from app.identity import store as users_store
from app.identity.store import Users
from app.inbox import store as inbox_store
from app.ledger import store as ledger_store
from app.ledger.store import LedgerStore
from app.orchestrator import store as saga_store
from app.orchestrator import sweep_store, treasury_store, watch_store
from app.orchestrator.measures_store import MeasuresStore
from app.orchestrator.store import SagaStore
from app.outbox import store as outbox_store
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database, connect
from app.runtime.ground import Ground
from app.wallets import address_store, card_store, payee_store, recipient_store
from app.wallets import store as wallet_store

COLLECTIONS = (
    *ledger_store.COLLECTIONS,
    *saga_store.COLLECTIONS,
    *treasury_store.COLLECTIONS,
    *watch_store.COLLECTIONS,
    *sweep_store.COLLECTIONS,
    *wallet_store.COLLECTIONS,
    *address_store.COLLECTIONS,
    *card_store.COLLECTIONS,
    *payee_store.COLLECTIONS,
    *recipient_store.COLLECTIONS,
    *users_store.COLLECTIONS,
    *inbox_store.COLLECTIONS,
    *desk.COLLECTIONS,
    *outbox_store.COLLECTIONS,
)
"""Every collection of the product, as it is to be."""


@dataclass(frozen=True)
class Records:
    """``audit`` reads the trail of what people did, ``figures`` what is measured by counting."""

    database: Database
    ledger: LedgerStore
    sagas: SagaStore
    users: Users
    audit: TrailStore
    figures: MeasuresStore


async def open_records(ground: Ground, stack: AsyncExitStack) -> Records:
    """Connect to MongoDB and make the collections true."""
    settings = ground.settings
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    await stack.enter_async_context(client)
    await ensure_collections(database, COLLECTIONS)
    return Records(
        database=database,
        ledger=LedgerStore(client, database),
        sagas=SagaStore(database),
        users=Users(database, ground.clock),
        audit=TrailStore(database),
        figures=MeasuresStore(database, ground.measures),
    )
