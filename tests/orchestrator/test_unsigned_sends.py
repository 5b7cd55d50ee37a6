"""Sends between approval and block, as nobody was there to see them: found where they are, or put before a person."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from app.money import ASSETS, BTC, Money
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.flows.chain import REORG_WINDOW, ChainTerms, Send, Sighting
from app.orchestrator.flows.late import Recovery
from app.orchestrator.flows.late_chain import COINS_LEFT, REORGANISED, SEND_MINED_AGAIN
from app.orchestrator.flows.spending import SPENDING
from app.orchestrator.progress import order_status
from app.orchestrator.saga import Failed, Run, Settled, Stuck, Waiting, Way
from app.orchestrator.watches import Watch
from app.providers.chain_ports import ChainTransaction, Paid, PendingSend
from tests.orchestrator.crashes import FallingDoor, outlive
from tests.orchestrator.late import case_of, recoveries_of, watches_of
from tests.orchestrator.scenarios import Outside
from tests.worlds import NOW, Customer, World

EVM = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
DAY = timedelta(days=1)
ETH = ASSETS["ETH"]
COINS = Money(100, BTC)
SEND = Send(lambda _run: ChainTerms("bitcoin", EVM, COINS), SPENDING)
QUEUED = PendingSend("op-1", "bitcoin", EVM, COINS, None)


def run_at(now: datetime, results: Mapping[str, Any] | None = None, params: Any = None) -> Run:
    known = {"deliver": dict(results or {})}
    return Run("default/sag_1", "usr_1", params, "deliver", Way.DO, now, {}, known)


def accepted(*, approved: bool) -> Effect:
    return Effect(
        id="default/eff_1",
        saga_id="default/sag_1",
        step="deliver",
        provider="tatum",
        operation="send",
        request={"chain": "bitcoin", "to": EVM, "amount": "0.00000100", "currency": "BTC"},
        status=EffectStatus.CONFIRMED,
        attempts=1,
        send_by=NOW,
        first_sent_at=NOW,
        provider_ref="op-1",
        approved_ref="op-1" if approved else None,
    )


@pytest.mark.parametrize(
    ("approved", "listed", "later", "verdict"),
    [
        (False, True, DAY / 2, None),
        (True, True, DAY / 2, None),
        (False, True, DAY, "operation-failed"),
        (True, True, DAY, "approved-operation-failed"),
        (False, False, timedelta(minutes=1), "operation-failed"),
        (True, False, timedelta(minutes=1), "approved-operation-failed"),
    ],
)
def test_an_operation_that_is_never_signed_is_not_waited_for_for_ever(
    *, approved: bool, listed: bool, later: timedelta, verdict: str | None
) -> None:
    """Whether its daemon has failed it and lists it all the same, or lists it no more: unapproved, it is over."""
    seen = SEND.judge(run_at(NOW + later), accepted(approved=approved), Sighting(QUEUED, None, given_up=not listed))
    if verdict is None:
        assert isinstance(seen, Waiting)
    else:
        assert isinstance(seen, Stuck | Failed)
        assert (type(seen), seen.reason) == (Stuck if approved else Failed, verdict)


def test_an_approved_operation_that_is_gone_parks_once_a_confirmation_has_had_its_time() -> None:
    gone, effect = Sighting(None, None), accepted(approved=True)
    first = SEND.judge(run_at(NOW), effect, gone)
    assert isinstance(first, Waiting)
    assert first.until is not None
    assert isinstance(SEND.judge(run_at(first.until - DAY / 1_000, first.outcome.result), effect, gone), Waiting)
    assert SEND.judge(run_at(first.until, first.outcome.result), effect, gone) == Stuck("approved-operation-vanished")


def test_coins_that_were_broadcast_late_and_are_never_mined_are_put_before_a_person() -> None:
    facts = {"amount": "0.00000100 BTC", "chain": "bitcoin"}
    late = Recovery(kind="coins-left", ref="tatum:tx:1", happened="broadcast", saga_id="s", step="deliver", facts=facts)
    never = Sighting(None, None)
    first = COINS_LEFT.book(run_at(NOW, params=late), never)
    assert isinstance(first, Waiting)
    assert first.until == NOW + 14 * DAY
    ended = COINS_LEFT.book(run_at(first.until, first.outcome.result, params=late), never)
    assert ended == Stuck("coins-left-vanished")


def mined(status: Literal["mined", "reverted"]) -> ChainTransaction:
    paid = (Paid("value", EVM, Money(1, ETH)),)
    return ChainTransaction("1", status, 1, 1_000, Money(21_000, ETH), paid)


@pytest.mark.parametrize("was_confirmed", [False, True])
def test_the_fee_of_a_send_is_booked_once_however_often_the_chain_changes_its_mind(*, was_confirmed: bool) -> None:
    """What was reverted has burnt it, and what was confirmed has paid it."""
    effect, to_pay = accepted(approved=True), Send(lambda _run: ChainTerms("ethereum", EVM, Money(1, ETH)), SPENDING)
    seen = Sighting(replace(QUEUED, tx_id="1"), mined("mined" if was_confirmed else "reverted"))
    first = to_pay.judge(run_at(NOW), effect, seen)
    assert isinstance(first, Settled | Failed)
    (watch,) = first.watches
    if was_confirmed:
        taken_back = REORGANISED.book(run_at(NOW, params=recovery_of(watch)), mined("reverted"))
        assert isinstance(taken_back, Settled)
        (watch,) = taken_back.watches
    again = SEND_MINED_AGAIN.book(run_at(NOW, params=recovery_of(watch)), mined("mined"))
    assert isinstance(again, Settled)
    assert [each.kind for each in again.outcome.transactions] == ["deliver.left"]


def recovery_of(watch: Watch) -> Recovery:
    facts = {**watch.facts, "account_id": "default/acc_1"}
    return Recovery(kind=watch.kind, ref=watch.ref, happened="", saga_id="s", step="deliver", facts=facts)


async def test_a_confirmed_send_that_the_chain_has_lost_parks_when_its_window_is_over(
    calm_world: World, ada: Customer
) -> None:
    world = calm_world
    account_id = await world.with_coins(ada, Money.parse("3", ASSETS["ETH"]))
    saga_id = await world.send_coins(ada, "1", chain="ethereum", address=EVM, account_id=account_id)
    await world.settle()
    (watch,) = await watches_of(world, saga_id)
    lost = await world.desk.post("/control/tatum/reorg", json={"hash": watch.object_id, "lost": True})
    lost.raise_for_status()
    await world.runtime.lookout.hear([watch.ref])
    world.clock.advance(REORG_WINDOW["ethereum"].total_seconds())
    await world.settle()
    (recovery,) = await recoveries_of(world, saga_id)
    assert (recovery.status, recovery.reason) == ("parked", "chain-send-vanished")
    case = await case_of(world, recovery.id)
    assert case is not None
    assert (case["kind"], case["status"]) == ("chain-send", "open")
    assert await world.postings(recovery.id) == []
    await world.audit()


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("dies_at", [2, 3])
async def test_a_send_that_was_signed_and_mined_while_nobody_was_at_work_is_found(
    calm_world: World, rich_ada: Customer, dies_at: int, *, committed: bool
) -> None:
    """Its operation was approved, and has left the queue because it is done."""
    world = calm_world
    before = await Outside.of(world)
    saga_id = await world.buy(rich_ada, paying="account")
    dying = FallingDoor(world.runtime.door, dies_at, committed=committed)
    world.runtime = replace(world.runtime, engine=world.engine(dying))
    await outlive(world.work())
    await world.third_parties_act(until=world.clock.now() + timedelta(hours=1))
    await world.take_over()
    await world.settle()
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("completed", None)
    assert (await Outside.of(world)).since(before) == Outside(pulls=0, refunds=0, sends=1)
    await world.audit()
