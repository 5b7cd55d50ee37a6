"""On the hot paths every query names the book it is about, so that one shard answers it. The exceptions have reasons.

A query that does not is asked of every shard, and the slowest answers: with each shard added, everything gets slower.
"""

import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from redis.asyncio import Redis

from app.clock import rfc3339
from app.ids import new_id, public_id
from app.plumbing.mongo import Database
from app.runtime import COLLECTIONS
from tests.worlds import BOOK, NOW, World, open_world

ROOT = Path(__file__).parents[2]
UNSHARDED = {"users", "inbox", "sweeps"}
SHARDED = {spec.name for spec in COLLECTIONS} - UNSHARDED

EXCEPTIONS = {
    # who asks: why it may ask every shard
    "claim": "a worker serves all books; it asks when it is hinted, and once a poll",
    "wake": "a vendor's event names its object, and not our book",
    "books_waiting_for": "the same",
    "effects_behind": "the same",
    "watches_about": "the same",
    "watches_due": "a worker looks after the watches of all books, rarely",
    "unpublished": "a worker publishes for all books, when it is hinted, and once a poll",
    "owed": "a worker delivers for all books, likewise",
    "address_at": "a vendor's event names an address, and not our book",
}

Asked = tuple[str, str, str, Mapping[str, Any]]
"""Function, command, collection, filter."""


class Listener(CommandListener):
    """Notes every filter that the product sends to one database; what the tests themselves ask is left out."""

    def __init__(self) -> None:
        self.database = ""
        self.asked: list[Asked] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.database_name != self.database:
            return
        asker = _asker()
        if asker:
            name, command = event.command_name, event.command
            self.asked.extend((asker, name, command[name], each) for each in _filters(name, command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


def _asker() -> str:
    """The function of the product that asks; empty when it is a test's own question."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        path = frame.f_code.co_filename
        if path.startswith(f"{ROOT}/app/") and not frame.f_code.co_name.startswith("<"):
            return frame.f_code.co_name
        if path.startswith(f"{ROOT}/tests/") and path != __file__:
            return ""
    return ""


def _filters(name: str, command: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    match name:
        case "find":
            yield command.get("filter", {})
        case "findAndModify" | "count" | "distinct":
            yield command.get("query", {})
        case "aggregate":
            yield command["pipeline"][0].get("$match", {})
        case "update" | "delete":
            for each in command[f"{name}s"]:
                yield each["q"]


def book_named(query: Mapping[str, Any]) -> str | None:
    """The book that a filter on ``_id`` is about; None if it is about several, or any."""
    if "$or" in query and "_id" not in query:
        books = {book_named(branch) for branch in query["$or"]}
        return books.pop() if len(books) == 1 else None
    ids = query.get("_id")
    match ids:
        case str():
            bounds = [ids]
        case {"$in": [_, *_] as listed}:
            bounds = list(listed)
        case {"$gt": low, "$lt": high} | {"$gte": low, "$lt": high}:
            bounds = [low, re.sub("0$", "/", high) if "/" not in high else high]
        case _:
            return None
    books = {each.partition("/")[0] for each in bounds if "/" in each}
    return books.pop() if len(books) == 1 and all("/" in each for each in bounds) else None


@pytest.mark.parametrize(
    ("query", "book"),
    [
        ({"_id": "acme/acc_1"}, "acme"),
        ({"_id": "acme/acc_1", "version": {"$lt": 0}}, "acme"),
        ({"_id": {"$in": ["acme/acc_1", "acme/acc_2"]}}, "acme"),
        ({"_id": {"$in": ["acme/acc_1", "other/acc_2"]}}, None),
        ({"_id": {"$in": []}}, None),
        ({"_id": {"$gt": "acme/", "$lt": "acme0"}, "user_id": "usr_1"}, "acme"),
        ({"_id": {"$gt": "acme/", "$lt": "b0"}}, None),
        ({"_id": {"$gt": "acme/"}}, None),
        ({"$or": [{"_id": "acme/acc_1"}, {"_id": {"$gt": "acme/acc_1~", "$lt": "acme/acc_1~~"}}]}, "acme"),
        ({"$or": [{"_id": "acme/acc_1"}, {"status": "open"}]}, None),
        ({"book": "acme", "status": "open"}, None),
        ({"_id": "unit:17"}, None),
        ({}, None),
    ],
)
def test_a_filter_without_the_prefix_is_told_from_one_with_it(query: dict[str, Any], book: str | None) -> None:
    assert book_named(query) == book


def test_the_cluster_is_told_to_shard_what_begins_with_its_book() -> None:
    script = (ROOT / "deploy" / "sharding.js").read_text()
    listed = re.findall(r'^  "(\w+)",$', script, re.MULTILINE)
    assert sorted(listed) == sorted(SHARDED)


def test_no_sharded_collection_has_a_unique_index_that_a_cluster_would_refuse() -> None:
    """Only an index that begins with the shard key can be unique over all shards."""
    for spec in COLLECTIONS:
        if spec.name in SHARDED:
            assert not [index for index in spec.indexes if index.document.get("unique")], spec.name


@pytest.fixture(scope="module")
def listener() -> Listener:
    """Hears every client that is made after it."""
    made = Listener()
    monitoring.register(made)
    return made


@pytest.fixture
async def world(
    listener: Listener, mongodb_uri: str, redis_url: str, database: Database, redis: Redis, sandbox_book: str
) -> AsyncIterator[World]:
    async with open_world(mongodb_uri, redis_url, database.name, sandbox_book) as opened:
        listener.database = database.name
        yield opened
        listener.database = ""


async def live(world: World) -> None:
    """A day of everything that happens often: over HTTP, by webhook, and in the worker."""
    ada, bob = await world.customer("ada"), await world.customer("bob")
    ada = await world.with_new_accounts(ada, "500.00")
    headers = {**await world.signed_in("ada"), "Idempotency-Key": new_id("key")}
    transfer = {
        "source_account_id": ada.dollars_id,
        "destination_account_id": bob.dollars_id,
        "amount": "1.00",
        "currency": "USD",
    }
    (await world.api.post("/v1/transfers", json=transfer, headers=headers)).raise_for_status()
    sagas = [
        await world.deposit(ada),
        await world.buy(ada),
        await world.buy(ada, paying="account", to="account"),
        await world.sell(ada),
        await world.withdraw(ada),
        await world.send_coins(ada),
        await world.deposit_coins(ada),
    ]
    await world.dial("tatum send", "decline")
    sagas.append(await world.buy(ada))
    await world.settle()
    await world.webhooks_travel("delay", delay_ms=60_000)  # old news, once the saga has seen for itself
    sagas.append(await world.deposit(ada))
    await world.settle()
    await world.runtime.endpoints.register(BOOK, "usr_operator", "http://127.0.0.1:9/nobody-there", ())
    while await world.runtime.publication.publish():
        pass
    await world.runtime.courier.deliver_due()
    assert await world.runtime.outbox.feed(BOOK, ada.user_id, 0, 1)
    account, saga = f"/v1/accounts/{ada.dollars_id}", f"/v1/sagas/{public_id(sagas[1])}"
    past = {"at": rfc3339(NOW)}
    for path, asked in (
        ("/v1/accounts", {}),
        (account, {}),
        (f"{account}/balance", {}),
        (f"{account}/balance", past),
        (f"{account}/entries", {}),
        (f"{account}/statement", {}),
        (saga, {}),
        (f"{saga}/story", {}),
        ("/v1/bank-links", {}),
    ):
        (await world.api.get(path, params=asked, headers=headers)).raise_for_status()
    assert sorted([(await world.saga(each)).status for each in sagas]) == ["compensated"] + ["completed"] * 8


async def test_every_hot_query_names_its_book(world: World, listener: Listener) -> None:
    await live(world)
    asked = [each for each in listener.asked if each[2] in SHARDED]
    assert {each[2] for each in asked} >= {"accounts", "transactions", "ledger_entries", "holds", "sagas", "effects"}
    assert {each[1] for each in asked} >= {"find", "update", "findAndModify"}
    assert {book_named(each[3]) for each in asked} == {BOOK, "chains", "inbox", None}, "all of it happened in one book"
    anywhere = {(asker, collection, tuple(query)) for asker, _, collection, query in asked if book_named(query) is None}
    stray = [each for each in anywhere if each[0] not in EXCEPTIONS]
    assert not stray, stray
    assert {each[0] for each in anywhere} == set(EXCEPTIONS), "an exception that nobody needs any more"
