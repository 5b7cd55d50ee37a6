"""The ledger's collections, and reading them, for verbs and people. What is written goes through the door."""

from collections.abc import Callable, Mapping
from datetime import datetime

from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from app.ids import book_of, stored_id
from app.ledger.accounts import Account
from app.ledger.blocks import Block, block_id
from app.ledger.changes import Document
from app.ledger.documents import account_from, block_from, hold_from
from app.ledger.feed_store import Feed
from app.ledger.history_store import History
from app.ledger.limits import LIMIT_WINDOWS
from app.ledger.owners import OWNERS, Owner
from app.ledger.remainders import REMAINDERS
from app.ledger.schemas import (
    ACCOUNT_SCHEMA,
    ENTRY_SCHEMA,
    HOLD_SCHEMA,
    LIMIT_WINDOW_SCHEMA,
    OWNER_SCHEMA,
    REMAINDER_SCHEMA,
    TRANSACTION_SCHEMA,
)
from app.ledger.transactions import Hold
from app.ledger.verify import Audit
from app.plumbing.collections import CollectionSpec, ids_of_book

ACCOUNT_ACTS, TRANSACTION_ACTS = "account_acts", "transaction_acts"

_DUE = IndexModel(
    [("expires_at", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"expires_at": {"$type": "date"}}
)

_TAGGED = IndexModel(
    [("tags", ASCENDING), ("timestamp", DESCENDING), ("_id", DESCENDING)],
    partialFilterExpression={"tags": {"$exists": True}},
)

COLLECTIONS = (
    CollectionSpec(
        "accounts",
        indexes=(IndexModel([("user_id", ASCENDING), ("_id", ASCENDING)]),),
        schema=ACCOUNT_SCHEMA,
        small_pages=True,
    ),
    CollectionSpec(
        "transactions",
        indexes=(
            IndexModel([("saga_id", ASCENDING)], partialFilterExpression={"saga_id": {"$type": "string"}}),
            _TAGGED,
        ),
        schema=TRANSACTION_SCHEMA,
        small_pages=True,
    ),
    CollectionSpec("ledger_entries", schema=ENTRY_SCHEMA, small_pages=True),
    CollectionSpec("holds", indexes=(_DUE,), schema=HOLD_SCHEMA),
    CollectionSpec(REMAINDERS, schema=REMAINDER_SCHEMA),
    CollectionSpec(LIMIT_WINDOWS, schema=LIMIT_WINDOW_SCHEMA, small_pages=True),
    CollectionSpec(OWNERS, schema=OWNER_SCHEMA),
    CollectionSpec(ACCOUNT_ACTS),
    CollectionSpec(TRANSACTION_ACTS),
    CollectionSpec("streams"),
    CollectionSpec("blocks"),
    CollectionSpec("cases", indexes=(IndexModel([("book", ASCENDING), ("status", ASCENDING)]),)),
)


class LedgerStore:
    """The ledger's collections in one database."""

    def __init__(self, client: AsyncMongoClient[Document], database: AsyncDatabase[Document]) -> None:
        self._client = client
        self._database = database
        self.history = History(client, database)
        self.feed = Feed(database, self.history)

    async def account(self, account_id: str) -> Account | None:
        """The account of that stored id."""
        document = await self._database["accounts"].find_one({"_id": account_id})
        return account_from(document) if document else None

    async def balance(self, account_id: str) -> int:
        """What is in an account, all its stripes together, in minor units."""
        stripes = {"_id": {"$gt": f"{account_id}~", "$lt": f"{account_id}~~"}}
        found = self._database["accounts"].find({"$or": [{"_id": account_id}, stripes]})
        return sum([account_from(document).balance async for document in found])

    async def accounts_by_id(self, account_ids: list[str]) -> dict[str, Account]:
        """Those of the accounts that there are, by stored id."""
        found = self._database["accounts"].find({"_id": {"$in": account_ids}})
        return {document["_id"]: account_from(document) async for document in found}

    async def accounts_of(self, book: str, user_id: str, role: str) -> list[Account]:
        """A user's accounts of one role, in the order of their ids."""
        query = {"user_id": user_id, "_id": ids_of_book(book), "role": role}
        return [account_from(document) async for document in self._database["accounts"].find(query).sort("_id", 1)]

    async def owner(self, book: str, user_id: str) -> Owner:
        """What is known of a customer as the owner of accounts."""
        owner_id = stored_id(book, user_id)
        return Owner.of(owner_id, await self._database[OWNERS].find_one({"_id": owner_id}))

    async def transaction(self, transaction_id: str) -> Document | None:
        """The stored transaction."""
        return await self._database["transactions"].find_one({"_id": transaction_id})

    async def hold_remaining(self, hold_id: str) -> int:
        """What a hold still reserves, in minor units; 0 if it never was."""
        document = await self._database["holds"].find_one({"_id": hold_id})
        return hold_from(document).remaining if document else 0

    async def due_holds(self, now: datetime, after: Hold | None, limit: int) -> list[Hold]:
        """Holds whose time is over and that still reserve something, the longest overdue first, behind ``after``."""
        query: Document = {"expires_at": {"$type": "date", "$lte": now}}  # the type, or the index is not used
        if after is not None:
            query["$or"] = [
                {"expires_at": {"$gt": after.expires_at}},
                {"expires_at": after.expires_at, "_id": {"$gt": after.id}},
            ]
        found = self._database["holds"].find(query).sort([("expires_at", ASCENDING), ("_id", ASCENDING)]).limit(limit)
        return [hold_from(document) async for document in found]

    async def act(self, collection: str, act_id: str) -> Document | None:
        """The record of an act, of ACCOUNT_ACTS or TRANSACTION_ACTS."""
        return await self._database[collection].find_one({"_id": act_id})

    async def transactions_of_saga(self, saga_id: str) -> list[Document]:
        """What a saga posted, in order."""
        cursor = self._database["transactions"].find(
            {"saga_id": {"$eq": saga_id, "$type": "string"}, "_id": ids_of_book(book_of(saga_id))}
        )
        return await cursor.sort([("timestamp", ASCENDING), ("position.n", ASCENDING), ("position.i", 1)]).to_list()

    async def entries(self, account_id: str, before: str | None, limit: int) -> list[Document]:
        """An account's entries below the id ``before``, newest first."""
        below = before or f"{account_id}#~"
        query = {"_id": {"$gt": f"{account_id}#", "$lt": below}}
        return await self._database["ledger_entries"].find(query).sort("_id", DESCENDING).limit(limit).to_list()

    async def audit(self, anchors: Mapping[str, str] | None = None) -> Audit:
        """Derive the books again from the transactions, all read at one instant, and follow the chain of blocks."""
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
            await self._follow_chain(audit, anchors or {}, everything, session)
        return audit

    async def _follow_chain(
        self,
        audit: Audit,
        anchors: Mapping[str, str],
        everything: Callable[[str], AsyncCursor[Document]],
        session: AsyncClientSession,
    ) -> None:
        transactions = self._database["transactions"].with_options(read_concern=ReadConcern())

        async def fetch(ids: list[str]) -> dict[str, Document]:
            found = transactions.find({"_id": {"$in": ids}}, session=session)
            return {document["_id"]: document async for document in found}

        streams = [stream async for stream in everything("streams")]
        await audit.chain.read(everything("blocks"), fetch, streams, anchors)
        audit.chain.check_count(audit.transactions)
        audit.breaks.extend(audit.chain.breaks)

    async def heads(self) -> dict[str, str]:
        """The hash of every stream's last block, by the block's id."""
        heads: dict[str, str] = {}
        async for stream in self._database["streams"].find().sort("_id", ASCENDING):
            own = {"_id": {"$gte": block_id(stream["_id"], 0), "$lt": f"{stream['_id']}#~"}}
            last = await self._database["blocks"].find_one(own, sort=[("_id", DESCENDING)])
            if last is not None:
                heads[last["_id"]] = last["hash"]
        return heads

    async def block_of(self, transaction: Document) -> tuple[Block, list[Document]] | None:
        """The block a transaction is in, with all of its transactions in order."""
        position = transaction["position"]
        stream = stored_id(transaction["book"], position["stream"])
        document = await self._database["blocks"].find_one({"_id": block_id(stream, position["n"])})
        if document is None:
            return None
        block = block_from(document)
        found = self._database["transactions"].find({"_id": {"$in": list(block.transaction_ids)}})
        by_id = {each["_id"]: each async for each in found}
        return block, [by_id[each] for each in block.transaction_ids]

    async def balance_at(self, account_id: str, at: datetime) -> int:
        """The account's balance as of that instant, in minor units; 0 if it never was."""
        account = await self.account(account_id)
        return await self.history.balance_at(account, at) if account else 0
