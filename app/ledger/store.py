"""The ledger in MongoDB: load what a batch needs, write a batch in one multi-document transaction, read for people.

Everything is read with majority read concern *before* the transaction, and every write inside it filters on the
version that was read: whatever changed in between makes the batch stale, and it is judged again on fresh state.
"""

from asyncio import TaskGroup
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson.errors import BSONError
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from app.ids import stored_id
from app.ledger.accounts import Account
from app.ledger.book import Book, State
from app.ledger.changes import ABSENT, Change, Companion, Document
from app.ledger.documents import account_document, account_from, hold_document, hold_from
from app.ledger.schemas import ACCOUNT_SCHEMA, ENTRY_SCHEMA, HOLD_SCHEMA, TRANSACTION_SCHEMA
from app.ledger.transactions import Hold
from app.ledger.verify import Audit
from app.ledger.wanted import diversion_targets, everything_named
from app.money import Asset
from app.plumbing.collections import CollectionSpec
from app.plumbing.decimals import from_decimal128

_DUPLICATE_KEY = 11000
_COMMITS_MAX = 3

COLLECTIONS = (
    CollectionSpec(
        "accounts",
        indexes=(IndexModel([("book", ASCENDING), ("user_id", ASCENDING)]),),
        schema=ACCOUNT_SCHEMA,
    ),
    CollectionSpec(
        "transactions",
        indexes=(
            IndexModel([("saga_id", ASCENDING)], partialFilterExpression={"saga_id": {"$type": "string"}}),
            IndexModel([("legs.account_id", ASCENDING), ("timestamp", DESCENDING), ("_id", DESCENDING)]),
        ),
        schema=TRANSACTION_SCHEMA,
    ),
    CollectionSpec("ledger_entries", schema=ENTRY_SCHEMA),
    CollectionSpec("holds", schema=HOLD_SCHEMA),
    CollectionSpec("streams"),
    CollectionSpec("cases", indexes=(IndexModel([("book", ASCENDING), ("status", ASCENDING)]),)),
)


class BatchStale(Exception):
    """Something the batch was judged on has moved; nothing was written."""


class BatchTransient(Exception):
    """The server asks to try again; nothing was written."""


class BatchPoisoned(Exception):
    """The server will never take one of these documents; nothing was written."""


class CommitUnknown(Exception):
    """The commit was sent and not answered: the batch may be true."""


@dataclass(slots=True)
class Batch:
    """What is written in one transaction, and the place in the stream that only it may take."""

    book: str
    stream: str
    token: str
    judged: Book


@dataclass(frozen=True, slots=True)
class Totals:
    """One currency of a book: its accounts, and the sums of their debit and credit balances in minor units."""

    asset: Asset
    accounts: int
    debits: int
    credits: int

    def including(self, balance: int) -> "Totals":
        """The totals with one more account."""
        return Totals(self.asset, self.accounts + 1, self.debits + max(-balance, 0), self.credits + max(balance, 0))


class LedgerStore:
    """The ledger's collections in one database."""

    def __init__(self, client: AsyncMongoClient[Document], database: AsyncDatabase[Document]) -> None:
        self._client = client
        self._database = database
        self._abandoned: list[Mapping[str, object]] = []

    async def load(self, changes: Sequence[Change], stream: str) -> State:
        """The state those changes, all of one book, are judged on.

        Raises BatchTransient, or BatchPoisoned where an id cannot be asked for or a document is damaged.
        """
        try:
            return await self._load(changes, stream)
        except Exception as error:
            failures = error if isinstance(error, ExceptionGroup) else ExceptionGroup("", [error])
            raise (BatchTransient() if failures.subgroup(PyMongoError) else BatchPoisoned()) from error

    async def _load(self, changes: Sequence[Change], stream: str) -> State:
        """Identities come last: whoever sees what another commit took from an account also sees its transaction.

        Read the other way round, a retry could be told that the money is missing which it has moved itself.
        """
        wanted = everything_named(changes)
        state = State()
        async with TaskGroup() as group:
            group.create_task(self._load_accounts(wanted.accounts, state))
            group.create_task(self._load_holds(wanted.holds, state))
            for collection, ids in wanted.companions.items():
                group.create_task(self._load_companions(collection, ids, state))
        await self._load_accounts(diversion_targets(changes, state.accounts), state)
        async with TaskGroup() as group:
            group.create_task(self._load_head(stored_id(changes[0].book, stream), state))
            group.create_task(self._load_transactions(wanted.transactions, state))
        return state

    async def _load_head(self, stream_id: str, state: State) -> None:
        head = await self._database["streams"].find_one({"_id": stream_id})
        if head is not None:
            state.head, state.head_token = head["n"], head["token"]

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
        await self._update("streams", [_head_update(batch)], session)
        await self._update("accounts", [_account_update(*pair) for pair in judged.changed_accounts], session)
        await self._insert("transactions", judged.transactions, session)
        await self._insert("ledger_entries", judged.entries, session)
        await self._update("holds", [_hold_update(*pair) for pair in judged.changed_holds], session)
        await self._insert("cases", judged.cases, session)
        by_collection: defaultdict[str, list[Companion]] = defaultdict(list)
        for companion in judged.companions:
            by_collection[companion.collection].append(companion)
        for collection, companions in by_collection.items():
            await self._update(collection, [_companion_update(companion) for companion in companions], session)

    async def _insert(self, collection: str, documents: Sequence[Document], session: AsyncClientSession) -> None:
        if documents:
            reply = await self._database.command(
                {"insert": collection, "documents": list(documents), "ordered": True}, session=session
            )
            _check_write_errors(reply)

    async def _update(self, collection: str, updates: list[Document], session: AsyncClientSession) -> None:
        if not updates:
            return
        reply = await self._database.command(
            {"update": collection, "updates": updates, "ordered": True}, session=session
        )
        _check_write_errors(reply)
        if reply["n"] != len(updates):
            raise BatchStale

    async def _find(self, collection: str, ids: Iterable[str]) -> list[Document]:
        wanted = sorted(ids)
        if not wanted:
            return []
        return await self._database[collection].find({"_id": {"$in": wanted}}).to_list()

    # Reading, for verbs and people.

    async def account(self, account_id: str) -> Account | None:
        """The account of that stored id."""
        document = await self._database["accounts"].find_one({"_id": account_id})
        return account_from(document) if document else None

    async def accounts_of(self, book: str, user_id: str, role: str) -> list[Account]:
        """A user's accounts of one role, oldest first."""
        query = {"book": book, "user_id": user_id, "role": role}
        return [account_from(document) async for document in self._database["accounts"].find(query).sort("_id", 1)]

    async def transaction(self, transaction_id: str) -> Document | None:
        """The stored transaction."""
        return await self._database["transactions"].find_one({"_id": transaction_id})

    async def transactions_of_account(self, account_id: str, until: datetime | None) -> AsyncIterator[Document]:
        """What an account took part in up to that instant, in order."""
        query: Document = {"legs.account_id": account_id}
        if until is not None:
            query["timestamp"] = {"$lte": until}
        order = [("timestamp", ASCENDING), ("position.n", ASCENDING), ("position.i", ASCENDING)]
        async for document in self._database["transactions"].find(query).sort(order):
            yield document

    async def hold_remaining(self, hold_id: str) -> int:
        """What a hold still reserves, in minor units; 0 if it never was."""
        document = await self._database["holds"].find_one({"_id": hold_id})
        return hold_from(document).remaining if document else 0

    async def transactions_of_saga(self, saga_id: str) -> list[Document]:
        """What a saga posted, in order."""
        cursor = self._database["transactions"].find({"saga_id": saga_id})
        return await cursor.sort([("timestamp", ASCENDING), ("position.n", ASCENDING), ("position.i", 1)]).to_list()

    async def entries(self, account_id: str, before: str | None, limit: int) -> list[Document]:
        """An account's entries below the id ``before``, newest first."""
        below = before or f"{account_id}#~"
        query = {"_id": {"$gt": f"{account_id}#", "$lt": below}}
        return await self._database["ledger_entries"].find(query).sort("_id", DESCENDING).limit(limit).to_list()

    async def audit(self) -> Audit:
        """Derive the books again from the transactions, all read at one instant."""
        audit = Audit()
        async with self._client.start_session(snapshot=True) as session:

            def everything(collection: str) -> AsyncCursor[Document]:
                reading = self._database[collection].with_options(read_concern=ReadConcern())
                return reading.find({}, session=session).sort("_id", ASCENDING)

            await audit.read_cases(everything("cases"))
            await audit.read_transactions(everything("transactions"))
            await audit.read_entries(everything("ledger_entries"))
            await audit.read_holds(everything("holds"))
            await audit.read_accounts(everything("accounts"))
        return audit

    async def totals(self, book: str) -> list[Totals]:
        """Debit and credit balances of every currency of a book, read at one instant."""
        totals: dict[str, Totals] = {}
        async with self._client.start_session(snapshot=True) as session:
            accounts = self._database["accounts"].with_options(read_concern=ReadConcern())
            async for document in accounts.find({"book": book}, session=session):
                account = account_from(document)
                before = totals.get(account.asset.code, Totals(account.asset, 0, 0, 0))
                totals[account.asset.code] = before.including(account.balance)
        return [totals[code] for code in sorted(totals)]

    async def balance_at(self, account_id: str, at: datetime) -> int:
        """The account's balance as of that instant, in minor units: that of the last entry not after it."""
        query = {"_id": {"$gt": f"{account_id}#", "$lt": f"{account_id}#~"}, "timestamp": {"$lte": at}}
        entry = await self._database["ledger_entries"].find_one(query, sort=[("_id", DESCENDING)])
        return from_decimal128(entry["balance_after"]) if entry else 0


def _head_update(batch: Batch) -> Document:
    stream_id, number = stored_id(batch.book, batch.stream), batch.judged.number
    head = {"_id": stream_id, "n": number, "token": batch.token}
    return {"q": {"_id": stream_id, "n": number - 1}, "u": head, "upsert": number == 1}


def _account_update(before: Account | None, after: Account) -> Document:
    return _replacement(account_document(after), None if before is None else before.version)


def _hold_update(before: Hold | None, after: Hold) -> Document:
    return _replacement(hold_document(after), None if before is None else before.version)


def _replacement(document: Document, version: int | None) -> Document:
    if version is None:
        return _insertion(document)
    return {"q": {"_id": document["_id"], "version": version}, "u": document}


def _companion_update(companion: Companion) -> Document:
    if companion.guard == ABSENT:
        return _insertion({"_id": companion.id, **companion.document})
    return {"q": {"_id": companion.id, **companion.guard}, "u": {"$set": companion.document}}


def _insertion(document: Document) -> Document:
    """An upsert that never finds anything: a document that is there after all fails on its key."""
    return {"q": {"_id": document["_id"], "version": {"$lt": 0}}, "u": document, "upsert": True}


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
