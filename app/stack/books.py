"""Looking into the books from the command line, with a connection of its own and nothing else running."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from app.clock import rfc3339
from app.compliance.trail_store import TrailStore
from app.ids import public_id, stored_id
from app.ledger.documents import transaction_from
from app.ledger.store import LedgerStore
from app.ledger.verify import Audit
from app.money import Money
from app.orchestrator.audit import audit_books
from app.orchestrator.flows import FLOWS
from app.orchestrator.journal import SagaRecord
from app.orchestrator.lifecycle import diagram
from app.orchestrator.progress import sentence
from app.orchestrator.store import SagaStore
from app.plumbing.mongo import connect
from app.settings import Settings
from app.stack.problem import Problem

_SAGAS_MAX = 50
_EVENTS_MAX = 1_000


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[tuple[LedgerStore, SagaStore]]:
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    async with client:
        yield LedgerStore(client, database), SagaStore(database)


async def verified(settings: Settings, anchors: Mapping[str, str] | None = None) -> Audit:
    """The books, derived again from the transactions, and the audit trail followed.

    Blocks by id must still have the hashes of ``anchors``.
    """
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    async with client:
        audit = await audit_books(LedgerStore(client, database), SagaStore(database), anchors)
        audit.breaks.extend(await TrailStore(database).breaks())
    return audit


async def replayed(settings: Settings, book: str, account_id: str, at: datetime | None) -> AsyncIterator[str]:
    """An account from its transactions alone: a line each, as they are read, then what is in it."""
    async with _stores(settings) as (ledger, _):
        stored = stored_id(book, account_id)
        account = await ledger.account(stored)
        if account is None:
            raise Problem(
                f"There is no account {account_id} in the book {book}: name another, or its book with --book."
            )
        balance = 0
        async for document in ledger.history.transactions(stored, at):
            transaction = transaction_from(document)
            for leg in transaction.legs:
                if leg.account_id == stored:
                    balance += leg.delta
                    after = Money(balance, account.asset)
                    told = f"{rfc3339(document['timestamp'])}  {public_id(transaction.id)}  {transaction.kind}"
                    yield f"{told}  {leg.side} {leg.amount}  {after}"
        yield f"{account_id} holds {Money(balance, account.asset)} {account.asset.code}"


async def listed(settings: Settings, status: str) -> list[str]:
    """The sagas moved last, a line each."""
    async with _stores(settings) as (_, sagas):
        found = await sagas.sagas({"status": status} if status else {}, _SAGAS_MAX)
        return [_line(saga) for saga in found] or ["There are none."]


async def told(settings: Settings, book: str, saga_id: str) -> list[str]:
    """One saga: where it stands, and its history in sentences."""
    async with _stores(settings) as (_, sagas):
        saga = await sagas.saga(stored_id(book, saga_id))
        if saga is None:
            raise Problem(f"There is no saga {saga_id} in the book {book}: wallet saga list shows those there are.")
        events = await sagas.events(saga.id, 0, _EVENTS_MAX)
        flow = FLOWS[saga.type, saga.def_version]
        return [_line(saga), *(f"{rfc3339(event['at'])}  {sentence(flow, saga.params, event)}" for event in events)]


def drawn(flow: str) -> str:
    """A flow's state machine, as Mermaid."""
    versions = [saga for (name, _), saga in FLOWS.items() if name == flow]
    if not versions:
        known = ", ".join(sorted({name for name, _ in FLOWS}))
        raise Problem(f"There is no flow {flow}: choose one of {known}.")
    return diagram(versions[-1])


def _line(saga: SagaRecord) -> str:
    reason = f"  ({saga.reason})" if saga.reason else ""
    return f"{public_id(saga.id)}  {saga.type}  {saga.state}  {rfc3339(saga.updated_at)}{reason}"
