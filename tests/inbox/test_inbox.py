"""The inbox keeps every event once, and what becomes of it is pure arithmetic."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from app.clock import ManualClock
from app.inbox.inbox import Inbox, finished, postponed
from app.inbox.messages import ATTEMPTS_MAX, pause_after, received
from app.inbox.store import COLLECTIONS, InboxStore
from app.plumbing.collections import ensure_collections
from app.providers.events import WebhookEvent

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(event_id: str, *refs: str, provider: str = "unit") -> WebhookEvent:
    return WebhookEvent(provider, event_id, "payment.sent", refs, {"type": "payment.sent"})


@pytest.fixture
async def store(database: AsyncDatabase[dict[str, Any]]) -> InboxStore:
    await ensure_collections(database, COLLECTIONS)
    return InboxStore(database)


async def test_an_event_that_comes_twice_is_kept_once(store: InboxStore) -> None:
    inbox = Inbox(store, ManualClock(NOON))
    assert await inbox.receive([event("1"), event("2")]) == 2
    assert await inbox.receive([event("2"), event("3"), event("3")]) == 1
    assert [each["event_id"] for each in await store.due(NOON, limit=10)] == ["1", "2", "3"]


async def test_deliveries_of_one_moment_are_kept_together_and_each_is_told_of_its_own(
    database: AsyncDatabase[dict[str, Any]], store: InboxStore
) -> None:
    inbox = Inbox(store, ManualClock(NOON))
    await inbox.receive([event("old")])
    async with asyncio.TaskGroup() as group:
        group.create_task(inbox.deliveries.run())
        await asyncio.sleep(0)
        await database.command("profile", 2)
        deliveries = [[event("1"), event("2")], [event("old"), event("3")], [event("2")], []]
        told = await asyncio.gather(*map(inbox.receive, deliveries))
        await database.command("profile", 0)
        inbox.deliveries.close()
    assert told == [2, 1, 0, 0]
    assert await database["system.profile"].count_documents({"op": "insert", "ns": f"{database.name}.inbox"}) == 1
    await database.drop_collection("system.profile")


async def test_a_delivery_that_cannot_be_kept_spoils_no_other(store: InboxStore) -> None:
    inbox = Inbox(store, ManualClock(NOON))
    spoilt = WebhookEvent("unit", "\ud800", "payment.sent", (), {})
    async with asyncio.TaskGroup() as group:
        group.create_task(inbox.deliveries.run())
        await asyncio.sleep(0)
        told = await asyncio.gather(*map(inbox.receive, [[event("1")], [spoilt]]), return_exceptions=True)
        inbox.deliveries.close()
    assert (told[0], type(told[1])) == (1, UnicodeEncodeError)
    assert [each["event_id"] for each in await store.due(NOON, limit=10)] == ["1"]


async def test_the_same_event_id_of_two_vendors_is_two_events(store: InboxStore) -> None:
    inbox = Inbox(store, ManualClock(NOON))
    assert await inbox.receive([event("1"), event("1", provider="sumsub")]) == 2


async def test_a_repeated_event_does_not_disturb_the_one_that_was_applied(
    store: InboxStore, database: AsyncDatabase[dict[str, Any]]
) -> None:
    inbox = Inbox(store, ManualClock(NOON))
    await inbox.receive([event("1")])
    document = await store.by_id("unit:1")
    assert document is not None
    await database["inbox"].replace_one({"_id": "unit:1"}, finished(document, NOON))
    assert await inbox.receive([event("1")]) == 0
    again = await store.by_id("unit:1")
    assert again is not None
    assert (again["status"], again["version"]) == ("done", 2)


async def test_only_what_is_due_is_handed_out_and_no_more_than_asked(store: InboxStore) -> None:
    await store.insert(received(event("later"), NOON + timedelta(seconds=1)))
    await store.insert(received(event("second"), NOON))
    await store.insert(received(event("first"), NOON - timedelta(seconds=1)))
    assert [each["event_id"] for each in await store.due(NOON, limit=10)] == ["first", "second"]
    assert [each["event_id"] for each in await store.due(NOON, limit=1)] == ["first"]


async def test_whoever_waits_for_an_object_finds_its_early_event(store: InboxStore) -> None:
    await store.insert(received(event("1", "unit:payment:50"), NOON))
    await store.insert(received(event("2", "unit:payment:51"), NOON))
    found = await store.about(["unit:payment:50", "tatum:tx:0x1"], limit=10)
    assert [each["event_id"] for each in found] == ["1"]


async def test_what_is_postponed_or_finished_still_fits_the_schema(
    store: InboxStore, database: AsyncDatabase[dict[str, Any]]
) -> None:
    document = received(event("1"), NOON)
    await store.insert(document)
    for following in (postponed(document, NOON), postponed(document, NOON, 1), finished(document, NOON)):
        await database["inbox"].replace_one({"_id": "unit:1"}, following)
    assert await store.due(NOON + timedelta(days=1), limit=10) == []


def test_each_attempt_waits_twice_as_long_up_to_a_minute() -> None:
    pauses = [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 9, 10, 49)]
    assert pauses == [0.2, 0.4, 0.8, 51.2, 60.0, 60.0]


def test_an_event_is_parked_after_its_last_attempt_and_not_before() -> None:
    document = received(event("1"), NOON)
    for _ in range(ATTEMPTS_MAX - 1):
        document = postponed(document, NOON)
    assert document["status"] == "received"
    document = postponed(document, NOON)
    assert (document["status"], document["attempts"], document["version"]) == ("parked", 50, 51)


def test_the_next_form_leaves_the_present_one_as_it_was() -> None:
    document = received(event("1"), NOON)
    assert postponed(document, NOON)["due_at"] == NOON + timedelta(seconds=0.2)
    assert finished(document, NOON)["settled_at"] == NOON
    assert document == received(event("1"), NOON)


async def test_what_another_event_names_with_an_object_is_known_of_it(store: InboxStore) -> None:
    await store.insert(received(event("1", "tatum:kms:7", "tatum:tx:ab", provider="tatum"), NOON))
    await store.insert(received(event("2", "tatum:tx:ab", provider="tatum"), NOON))
    await store.insert(received(event("3", "tatum:tx:cd", provider="tatum"), NOON))
    named = await store.named_together(["tatum:tx:ab", "tatum:tx:ef"])
    assert {ref: set(beside) for ref, beside in named.items()} == {
        "tatum:tx:ab": {"tatum:kms:7", "tatum:tx:ab"},
        "tatum:tx:ef": set(),
    }
