"""What settled is watched for as long as it may come back, in the commit that settles it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.clock import rfc3339
from app.errors import AccountInUse
from app.ids import public_id
from app.orchestrator.account_use import AccountUse
from app.orchestrator.flows.ach import RETURN_WINDOW
from app.orchestrator.flows.chain import REORG_WINDOW
from app.orchestrator.watch_store import WatchStore
from app.orchestrator.watches import (
    Watch,
    WatchRecord,
    WatchStatus,
    looked,
    next_look,
    tripped,
    watch_companion,
    watch_from,
    watched_until,
)
from tests.worlds import BOOK, Customer, World

BEGAN = datetime(2026, 11, 20, 5, tzinfo=UTC)
DAY = timedelta(days=1)


async def watches_of(world: World, saga_id: str) -> list[WatchRecord]:
    return await WatchStore(world.runtime.database).watches_of(saga_id)


async def test_a_settled_pull_is_watched_for_the_return_window(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.deposit(rich_ada, "12.00")
    await calm_world.settle()
    (watch,) = await watches_of(calm_world, saga_id)
    saga, (effect,) = await calm_world.saga(saga_id), await calm_world.runtime.sagas.effects_of(saga_id)
    assert (watch.kind, watch.ref, watch.status) == ("ach-pull", f"unit:payment:{effect.ref}", WatchStatus.OPEN)
    assert watch.until - saga.updated_at == RETURN_WINDOW
    assert watch.facts["amount"] == "12.00 USD"
    assert (watch.object_id, watch.user_id) == (effect.ref, saga.user_id)


async def test_its_owner_is_told_until_when_it_may_be_taken_back(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.deposit(rich_ada, "13.00")
    path, headers = f"/v1/sagas/{public_id(saga_id)}", await calm_world.signed_in("ada")
    assert (await calm_world.api.get(path, headers=headers)).json()["watching_until"] is None
    await calm_world.settle()
    (watch,) = await watches_of(calm_world, saga_id)
    assert (await calm_world.api.get(path, headers=headers)).json()["watching_until"] == rfc3339(watch.until)


async def test_a_purchase_leaves_a_watch_on_the_pull_and_one_on_the_send(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.buy(rich_ada)
    await calm_world.settle()
    watches = {watch.kind: watch for watch in await watches_of(calm_world, saga_id)}
    assert watches.keys() == {"ach-pull", "chain-send"}
    send = watches["chain-send"]
    assert send.until - send.created_at == REORG_WINDOW["bitcoin"]


async def test_a_refund_is_watched_too(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.dial("tatum send", "decline")
    saga_id = await calm_world.buy(rich_ada)
    await calm_world.settle()
    assert sorted(watch.kind for watch in await watches_of(calm_world, saga_id)) == ["ach-pull", "ach-push"]


def stored(watch_until: datetime) -> WatchRecord:
    companion = watch_companion(
        "default/sag_1", "default/usr_1", "collect", Watch("ach-pull", "unit:payment:5", watch_until, {}), BEGAN
    )
    return watch_from({"_id": companion.id, **companion.document})


def test_a_watch_is_looked_after_ever_more_rarely_and_a_last_time_when_its_window_is_over() -> None:
    looks, look_at = list[float](), next_look(BEGAN, BEGAN + 64 * DAY, BEGAN)
    while look_at is not None:
        looks.append((look_at - BEGAN) / DAY)
        look_at = next_look(BEGAN, BEGAN + 64 * DAY, look_at)
    assert looks == [1, 2, 4, 8, 16, 32, 64]


def test_the_last_look_in_vain_ends_a_watch() -> None:
    watch = stored(BEGAN + 64 * DAY)
    assert looked(watch, BEGAN + DAY).document["status"] == "open"
    last = looked(watch, watch.until)
    assert (last.document["status"], last.document["look_at"]) == ("expired", None)


def test_of_two_who_would_book_what_happened_one_finds_the_watch_changed() -> None:
    watch = stored(BEGAN + DAY)
    assert tripped(watch).guard == {"version": 1}
    assert tripped(watch).document == {"status": "tripped", "look_at": None, "version": 2}


async def test_an_account_whose_money_may_be_taken_back_is_not_closed(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    account = await world.runtime.ledger.account(f"{BOOK}/{rich_ada.dollars_id}")
    assert account is not None
    use = AccountUse(world.runtime.sagas, WatchStore(world.runtime.database))
    await use.require_unused(account)
    await world.deposit(rich_ada, "12.00")
    await world.settle()
    with pytest.raises(AccountInUse):
        await use.require_unused(account)
    world.clock.advance(RETURN_WINDOW.total_seconds())
    await world.runtime.lookout.sweep()
    await use.require_unused(account)


def test_a_saga_is_watched_until_the_last_of_its_open_watches() -> None:
    early, late = stored(BEGAN + 3 * DAY), stored(BEGAN + 60 * DAY)
    over = replace(stored(BEGAN + 90 * DAY), status=WatchStatus.TRIPPED)
    assert watched_until([early, late, over]) == BEGAN + 60 * DAY
    assert watched_until([over]) is None
    assert watched_until([]) is None
