"""What the door does in MongoDB: load what a batch is judged on, write a batch in one multi-document transaction.

Everything is read with majority read concern *before* the transaction, and every write inside it is guarded by the
version that was read: whatever changed in between makes the batch stale, and it is judged again on fresh state.
"""

from asyncio import TaskGroup
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.errors import BSONError
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from app.ledger.accounts import Account
from app.ledger.blocks import Block
from app.ledger.book import Book, State
from app.ledger.changes import ABSENT, Change, Companion, Document
from app.ledger.checks import guard_holds
from app.ledger.documents import (
    account_document,
    account_from,
    block_document,
    hold_document,
    hold_from,
    moving_fields,
)
from app.ledger.outcomes import BatchPoisoned, BatchStale, BatchTransient, CommitUnknown
from app.ledger.recent import Recent
from app.ledger.streams import Stream
from app.ledger.transactions import Hold
from app.ledger.wanted import diversion_targets, everything_named

_DUPLICATE_KEY = 11000
_COMMITS_MAX = 3
_WORTH_READING = 32
"""From so many updates on, reading together what guards them costs less than the looking of each for itself."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one transaction, and the block that seals it as the stream's next."""

    stream: Stream
    block: Block
    judged: Book


class BatchStore:
    """The collections that the door writes, in one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._client = database.client
        self._database = database
        self._abandoned: list[Mapping[str, object]] = []

    async def assume(self, changes: Sequence[Change], recent: Recent) -> State:
        """The least that those changes, all of one book, can be judged on: the money that ``recent`` does not know.

        Raises like ``load``.
        """
        wanted = everything_named(changes)
        state = State(assumed=True, accounts=recent.accounts(wanted.accounts))
        await self._read(
            *_if_any(self._load_accounts, wanted.accounts - state.accounts.keys(), state),
            *_if_any(self._load_holds, wanted.holds, state),
        )
        return state

    async def load(self, changes: Sequence[Change]) -> State:
        """Everything that those changes, all of one book, are judged on.

        Identities come last: whoever sees what another commit took from an account also sees its transaction. Read
        the other way round, a retry could be told that the money is missing which it has moved itself.

        Raises BatchTransient, or BatchPoisoned where an id cannot be asked for or a document is damaged.
        """
        wanted = everything_named(changes)
        state = State()
        await self._read(
            *_if_any(self._load_accounts, wanted.accounts, state),
            *_if_any(self._load_holds, wanted.holds, state),
            *(self._load_companions(collection, ids, state) for collection, ids in wanted.companions.items()),
        )
        await self._read(*_if_any(self._load_accounts, diversion_targets(changes, state.accounts), state))
        await self._read(*_if_any(self._load_transactions, wanted.transactions, state))
        return state

    async def _read(self, *reads: Coroutine[Any, Any, None]) -> None:
        """Await them at the same time, and say what their failures mean."""
        try:
            await _side_by_side(*reads)
        except Exception as error:
            failures = error if isinstance(error, ExceptionGroup) else ExceptionGroup("", [error])
            raise (BatchTransient() if failures.subgroup(PyMongoError) else BatchPoisoned()) from error

    async def _load_accounts(self, ids: Iterable[str], state: State) -> None:
        for document in await self._find("accounts", ids):
            state.accounts[document["_id"]] = account_from(document)

    async def _load_transactions(self, ids: Iterable[str], state: State) -> None:
        for document in await self._find("transactions", ids):
            state.transactions[document["_id"]] = document

    async def _load_holds(self, ids: Iterable[str], state: State) -> None:
        for document in await self._find("holds", ids):
            state.holds[document["_id"]] = hold_from(document)

    async def _load_companions(self, collection: str, ids: Iterable[str], state: State) -> None:
        for document in await self._find(collection, ids):
            state.companions[collection, document["_id"]] = document

    async def write(self, batch: Batch) -> None:
        """Commit the batch, whole or not at all.

        Raises BatchStale, BatchTransient, BatchPoisoned (nothing is written) or CommitUnknown.
        """
        await self._end_abandoned()
        try:
            await self._write_in_session(batch)
        except PyMongoError as error:
            raise BatchTransient from error  # ending the session failed, so nothing had been committed

    async def _write_in_session(self, batch: Batch) -> None:
        async with self._client.start_session() as session:
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=WriteConcern(w="majority", j=True)
            )
            try:
                await self._write_all(batch, session)
            except PyMongoError as error:
                if isinstance(error, ConnectionFailure):
                    self._abandoned.append(session.session_id)
                raise _classify(error) from error
            except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
                raise BatchPoisoned from error  # BSON cannot hold it
            try:
                await _commit(session)
            except CommitUnknown:
                self._abandoned.append(session.session_id)
                raise

    async def _end_abandoned(self) -> None:
        """End what a cut connection left open: its locks would turn every later batch away for as long as it lives."""
        if not self._abandoned:
            return
        try:
            await self._client.admin.command("killSessions", self._abandoned)
        except PyMongoError as error:
            raise BatchTransient from error
        self._abandoned.clear()

    async def _write_all(self, batch: Batch, session: AsyncClientSession) -> None:
        judged = batch.judged
        accounts, holds = list(judged.changed_accounts), list(judged.changed_holds)
        await self._insert("accounts", [account_document(after) for before, after in accounts if not before], session)
        await self._update(
            "accounts", [_account_update(before, after) for before, after in accounts if before], session
        )
        await self._insert("blocks", [block_document(batch.block)], session)
        await self._insert("transactions", judged.transactions, session)
        await self._insert("ledger_entries", judged.entries, session)
        await self._insert("holds", [hold_document(after) for before, after in holds if not before], session)
        await self._update("holds", [_hold_update(before, after) for before, after in holds if before], session)
        await self._insert("cases", judged.cases, session)
        by_collection: defaultdict[str, list[Companion]] = defaultdict(list)
        for companion in judged.companions:
            by_collection[companion.collection].append(companion)
        for collection, companions in by_collection.items():
            born = [{"_id": each.id, **each.document} for each in companions if each.guard == ABSENT]
            await self._insert(collection, born, session)
            guarded = [_companion_update(each) for each in companions if each.guard != ABSENT]
            await self._update(collection, guarded, session)

    async def _insert(self, collection: str, documents: Sequence[Document], session: AsyncClientSession) -> None:
        if documents:
            reply = await self._database.command(
                {"insert": collection, "documents": list(documents), "ordered": True}, session=session
            )
            _check_write_errors(reply)

    async def _update(self, collection: str, updates: list[Document], session: AsyncClientSession) -> None:
        if not updates:
            return
        if len(updates) >= _WORTH_READING:
            updates = await self._proven(collection, updates, session)
        reply = await self._database.command(
            {"update": collection, "updates": updates, "ordered": True}, session=session
        )
        _check_write_errors(reply)
        if reply["n"] != len(updates):
            raise BatchStale

    async def _proven(self, collection: str, updates: list[Document], session: AsyncClientSession) -> list[Document]:
        """The same updates, by id alone, now that what guards them was read at once in the transaction's own snapshot.

        The server finds a document by its id alone in half the time. Whoever writes one of them after the snapshot
        makes the transaction fail, so what was read stays true until it commits. Raises BatchStale.
        """
        guards = {update["q"]["_id"]: update["q"] for update in updates}
        reply = await self._database.command(
            {
                "find": collection,
                "filter": {"_id": {"$in": list(guards)}},
                "projection": dict.fromkeys({name for guard in guards.values() for name in guard}, 1),
                "batchSize": len(guards),
                "singleBatch": True,
            },
            session=session,
        )
        found = {document["_id"]: document for document in reply["cursor"]["firstBatch"]}
        if not all(guard_holds(guard, found.get(each_id)) for each_id, guard in guards.items()):
            raise BatchStale
        return [{**update, "q": {"_id": update["q"]["_id"]}} for update in updates]

    async def _find(self, collection: str, ids: Iterable[str]) -> list[Document]:
        return await self._database[collection].find({"_id": {"$in": sorted(ids)}}).to_list()


def _if_any(
    load: Callable[[set[str], State], Coroutine[Any, Any, None]], ids: set[str], state: State
) -> tuple[Coroutine[Any, Any, None], ...]:
    return (load(ids, state),) if ids else ()


async def _side_by_side(*reads: Coroutine[Any, Any, None]) -> None:
    """Await them at the same time; one alone needs no task."""
    if len(reads) == 1:
        await reads[0]
    elif reads:
        async with TaskGroup() as group:
            for read in reads:
                group.create_task(read)


def _account_update(before: Account, after: Account) -> Document:
    return {"q": {"_id": after.id, "version": before.version}, "u": {"$set": moving_fields(after)}}


def _hold_update(before: Hold, after: Hold) -> Document:
    return {"q": {"_id": after.id, "version": before.version}, "u": hold_document(after)}


def _companion_update(companion: Companion) -> Document:
    return {"q": {"_id": companion.id, **companion.guard}, "u": {"$set": companion.document}}


def _check_write_errors(reply: Document) -> None:
    """A command does not raise what the bulk helpers raise, so its errors are read here.

    A document that is there after all is read on the next try; one that breaks another unique key always will.
    """
    for error in reply.get("writeErrors", ()):
        if error["code"] == _DUPLICATE_KEY and list(error.get("keyPattern", ())) == ["_id"]:
            raise BatchStale
        raise BatchPoisoned(f"error {error['code']}")


def _classify(error: PyMongoError) -> Exception:
    if error.has_error_label("TransientTransactionError") or isinstance(error, ConnectionFailure):
        return BatchTransient()
    if isinstance(error, OperationFailure) and error.code == _DUPLICATE_KEY:
        return BatchStale()
    if isinstance(error, OperationFailure):
        return BatchPoisoned(str(error))
    return BatchTransient()


async def _commit(session: AsyncClientSession) -> None:
    """Commit, asking again while the answer is lost.

    A server that no longer knows the transaction after an unanswered commit proves nothing, so the outcome stays
    unknown then; the stream's head tells.
    """
    unanswered = False
    for _ in range(_COMMITS_MAX):
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label("UnknownTransactionCommitResult") or isinstance(error, ConnectionFailure):
                unanswered = True
                continue
            if unanswered or not error.has_error_label("TransientTransactionError"):
                raise CommitUnknown from error
            raise BatchTransient from error
        else:
            return
    raise CommitUnknown
