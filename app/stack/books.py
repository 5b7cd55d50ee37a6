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
from app.orchestrator.store import SagaStore
from app.plumbing.mongo import Database, connect
from app.settings import Settings
from app.stack.problem import Problem


@asynccontextmanager
async def _books(settings: Settings) -> AsyncIterator[tuple[LedgerStore, Database]]:
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    async with client:
        yield LedgerStore(client, database), database


async def verified(settings: Settings, anchors: Mapping[str, str] | None = None) -> Audit:
    """The books, derived again from the transactions, and the audit trail followed.

    Blocks by id must still have the hashes of ``anchors``.
    """
    async with _books(settings) as (ledger, database):
        audit = await audit_books(ledger, SagaStore(database), anchors)
        audit.breaks.extend(await TrailStore(database).breaks())
    return audit


async def replayed(settings: Settings, book: str, account_id: str, at: datetime | None) -> AsyncIterator[str]:
    """An account from its transactions alone: a line each, as they are read, then what is in it."""
    async with _books(settings) as (ledger, _):
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
