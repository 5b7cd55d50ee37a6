"""From a commit to a number in the customer's feed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from app.identity.principals import Principal
from app.identity.users import ComplianceLevel
from app.ids import new_id, public_id
from app.ledger.acts import Answerable
from app.ledger.changes import Change
from app.ledger.standing import Act
from app.money import USD
from app.orchestrator.journal import SagaRecord, birth
from app.orchestrator.notices import notifications, tell
from app.orchestrator.publication import Publication
from app.outbox.notifications import Notification
from app.wallets.opening import open_account
from tests.outbox.given import House
from tests.worlds import BOOK, NOW, Customer, World


async def publish_all(world: House | World) -> None:
    while await world.runtime.publication.publish():
        pass


async def feed(world: House | World, user_id: str, after: int = 0) -> list[Notification]:
    return await world.runtime.outbox.feed(BOOK, user_id, after, 100)


async def write(world: House, user_id: str, count: int, kind: str = "thing.happened") -> list[str]:
    """Notifications as commits write them; their stored ids in order of time."""
    ids = []
    for number in range(count):
        told = tell(BOOK, kind, user_id, NOW + timedelta(seconds=number), {"n": number}, new_id("cause"))
        await world.runtime.door.submit(Change(BOOK, companions=(told,)))
        ids.append(told.id)
    return ids


def another_worker(world: House, told: list[str]) -> Publication:
    async def hear(feeds: Sequence[str]) -> None:
        told.extend(feeds)

    runtime = world.runtime
    return Publication(runtime.outbox, runtime.users, runtime.door, world.clock, hear, lambda: None, poll_s=0.05)


async def test_a_purchase_that_ends_is_told_once_and_says_nothing_personal(
    calm_world: World, rich_ada: Customer
) -> None:
    await publish_all(calm_world)
    before = await calm_world.runtime.outbox.last_number(BOOK, rich_ada.user_id)
    saga_id = await calm_world.buy(rich_ada, paying="account", to="account")
    await calm_world.settle()
    await publish_all(calm_world)

    (told,) = await feed(calm_world, rich_ada.user_id, before)
    assert (told.type, told.seq) == ("purchase.completed", before + 1)
    assert told.data == {
        "saga_id": public_id(saga_id),
        "type": "purchase",
        "status": "completed",
        "reason": None,
    }


async def test_one_that_is_undone_or_stops_is_told_with_its_reason(calm_world: World, rich_ada: Customer) -> None:
    await publish_all(calm_world)
    before = await calm_world.runtime.outbox.last_number(BOOK, rich_ada.user_id)
    await calm_world.dial("tatum send", "decline")
    await calm_world.buy(rich_ada, paying="account")
    await calm_world.settle()
    await calm_world.dial("tatum send", "decline")
    await calm_world.buy(rich_ada, "100.37")  # its refund is rejected by the bank
    await calm_world.settle()
    await publish_all(calm_world)

    told = await feed(calm_world, rich_ada.user_id, before)
    assert [each.type for each in told] == ["purchase.compensated", "purchase.parked"]
    assert all(each.data["reason"] for each in told)


async def test_a_recovery_is_told_when_it_opens() -> None:
    saga = SagaRecord(
        id="acme/sag_1",
        type="recovery",
        def_version=1,
        tenant="acme",
        user_id="usr_1",
        state="do:record",
        params={},
        fingerprint="",
        correlation_id="",
        created_at=NOW,
        updated_at=NOW,
    )
    (told,) = [each for each in birth(saga, ()) if each.collection == "notifications"]
    assert told.document["type"] == "recovery.opened"
    assert notifications(saga, saga) == ()


async def test_the_same_commit_written_again_tells_the_same_thing() -> None:
    causes = ("acme/sag_1", "7")
    assert tell("acme", "a.b", "usr_1", NOW, {}, *causes) == tell("acme", "a.b", "usr_1", NOW, {}, *causes)


async def test_numbers_have_no_hole_when_two_workers_publish_at_once(house: House) -> None:
    written = await write(house, "usr_busy", 30)
    told: list[str] = []
    workers = [another_worker(house, told), another_worker(house, told)]
    while await house.runtime.outbox.unpublished(1):
        await asyncio.gather(*(worker.publish() for worker in workers))

    numbered = await feed(house, "usr_busy")
    assert [each.seq for each in numbered] == list(range(1, 31))
    assert [each.id for each in numbered] == written
    assert told == [f"{BOOK}/usr_busy"]


async def test_what_is_written_after_something_later_was_published_still_follows_it(house: House) -> None:
    """A commit that takes long carries an earlier time; who has read on must not miss it."""
    late = tell(BOOK, "thing.happened", "usr_late", NOW - timedelta(hours=1), {}, "late")
    await write(house, "usr_late", 2)
    await publish_all(house)
    seen = (await feed(house, "usr_late"))[-1].seq

    await house.runtime.door.submit(Change(BOOK, companions=(late,)))
    await publish_all(house)

    assert [each.id for each in await feed(house, "usr_late", seen)] == [late.id]


async def test_nobody_reads_the_feed_of_another(house: House) -> None:
    await write(house, "usr_one", 1)
    await write(house, "usr_two", 2)
    await publish_all(house)
    assert len(await feed(house, "usr_one")) == 1
    assert await house.runtime.outbox.feed("elsewhere", "usr_two", 0, 100) == []


async def test_a_running_publication_needs_no_hint(house: House) -> None:
    runtime, published = house.runtime, asyncio.Event()

    async def hear(feeds: Sequence[str]) -> None:
        published.set()

    publication = Publication(runtime.outbox, runtime.users, runtime.door, house.clock, hear, lambda: None, poll_s=0.05)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(publication.run())
        await write(house, "usr_polled", 1)
        await published.wait()
        publication.close()
    assert len(await feed(house, "usr_polled")) == 1


async def test_whoever_freezes_an_account_tells_its_owner_in_the_same_commit(house: House) -> None:
    runtime = house.runtime
    account = await open_account(runtime.door, BOOK, "usr_owner", USD)
    for act, key in ((Act.FREEZE, "k1"), (Act.FREEZE, "k1"), (Act.UNFREEZE, "k2")):
        await runtime.acts.change_standing(account.id, act, Answerable("usr_officer", "a word from the bank", key))
        house.clock.advance(1)
    await publish_all(house)

    told = await feed(house, "usr_owner")
    assert [(each.type, each.data["status"]) for each in told] == [
        ("account.frozen", "frozen"),
        ("account.unfrozen", "open"),
    ]
    assert "bank" not in str([each.data for each in told])


async def test_a_decided_level_is_told_once_however_often_it_is_noted(house: House) -> None:
    runtime = house.runtime
    principal = Principal("usr_verified", BOOK, "issuer", "subject", frozenset())
    user = await runtime.users.get_or_create(principal)
    levels: list[ComplianceLevel] = ["pending", "verified", "verified", "rejected"]
    for seconds, level in enumerate(levels):
        await runtime.users.set_level(user.stored_id, level, NOW + timedelta(seconds=seconds))
        await publish_all(house)
    told = await feed(house, "usr_verified")
    assert [each.data["level"] for each in told] == ["pending", "verified", "rejected"]


async def test_a_level_is_told_by_whichever_worker_comes_after_a_death(house: House) -> None:
    runtime = house.runtime
    user = await runtime.users.get_or_create(Principal("usr_again", BOOK, "issuer", "subject", frozenset()))
    await runtime.users.set_level(user.stored_id, "verified", NOW)  # and then its process dies
    await asyncio.gather(*(another_worker(house, []).publish() for _ in range(2)))
    await publish_all(house)
    assert [each.type for each in await feed(house, "usr_again")] == ["kyc.level_changed"]
