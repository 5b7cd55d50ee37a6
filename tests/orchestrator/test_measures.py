"""What is measured, and that nobody but who asks pays for it."""

import asyncio
from datetime import timedelta

import httpx2
from prometheus_client import CollectorRegistry, Counter

from app.orchestrator.measures import Measures
from app.orchestrator.measures_store import MeasuresStore
from app.plumbing.exposition import exposed
from tests.orchestrator.scenarios import SCENARIOS
from tests.worlds import World


def value(measures: Measures, name: str, **labels: str) -> int | None:
    found = measures.registry.get_sample_value(name, labels)
    return None if found is None else int(found)


async def test_a_run_is_counted_step_by_step(world: World) -> None:
    measures = world.runtime.measures
    ada = await world.customer("ada")
    await world.settle()
    before = value(measures, "wallet_effect_sends_total", provider="unit", repeated="no") or 0
    await world.buy(ada)
    await world.settle()
    steps = {"record": 1, "collect": 1, "convert": 1, "deliver": 1}
    assert {
        step: value(measures, "wallet_saga_step_seconds_count", type="purchase", step=step, outcome="done")
        for step in steps
    } == steps
    assert value(measures, "wallet_sagas_ended_total", type="purchase", status="completed") == 1
    assert value(measures, "wallet_effect_sends_total", provider="unit", repeated="no") == before + 1
    for step in ("collect", "deliver"):
        waited = measures.registry.get_sample_value(
            "wallet_saga_step_seconds_sum", {"type": "purchase", "step": step, "outcome": "done"}
        )
        assert waited is not None
        assert waited > 0, "what was passed over, or moved on in the same commit, did not end before it"
    assert (value(measures, "wallet_webhooks_total", provider="unit", outcome="done") or 0) > 0
    assert (value(measures, "wallet_door_batch_changes_count") or 0) > 0
    assert value(measures, "wallet_door_queue_changes") == 0
    route = {"method": "POST", "route": "/v1/accounts", "status": "201"}
    assert value(measures, "wallet_request_seconds_count", **route) == 2


async def test_what_is_in_doubt_is_a_sum_and_an_age(world: World) -> None:
    measures = world.runtime.measures
    ada = await world.customer("ada")
    await world.dial("unit create_payment", "timeout_before")
    await world.deposit(ada)
    await world.work()
    store = MeasuresStore(world.runtime.database, measures)
    await store.read(world.clock.now() + timedelta(minutes=10))
    assert value(measures, "wallet_effects_unknown_total", provider="unit") == 1
    assert value(measures, "wallet_sagas_open", type="deposit", status="running") == 1
    assert value(measures, "wallet_in_doubt_minor", provider="unit", currency="USD") == 100_00
    assert value(measures, "wallet_effects_open", provider="unit") == 1
    minutes = value(measures, "wallet_in_doubt_minor_minutes", provider="unit", currency="USD")
    assert minutes in {100_00 * 9, 100_00 * 10}
    assert (value(measures, "wallet_saga_due_oldest_seconds") or 0) > 0
    await world.settle()
    await store.read(world.clock.now())
    assert value(measures, "wallet_in_doubt_minor", provider="unit", currency="USD") is None
    assert value(measures, "wallet_in_doubt_minor_minutes", provider="unit", currency="USD") is None
    assert value(measures, "wallet_effect_sends_total", provider="unit", repeated="yes") == 1


async def test_what_goes_out_in_doubt_does_not_hide_what_comes_in(world: World) -> None:
    measures = world.runtime.measures
    ada = await world.customer("ada")
    await world.deposit(ada)
    await world.settle()
    await world.dial("unit create_payment", "timeout_before", times=2)
    await world.deposit(ada)
    await world.withdraw(ada)
    await world.work()
    await MeasuresStore(world.runtime.database, measures).read(world.clock.now())
    assert value(measures, "wallet_in_doubt_minor", provider="unit", currency="USD") == 200_00


async def test_a_process_that_reads_no_figures_shows_none(world: World) -> None:
    measures = Measures()
    assert value(measures, "wallet_saga_due_oldest_seconds") is None
    await MeasuresStore(world.runtime.database, measures).read(world.clock.now())
    assert value(measures, "wallet_saga_due_oldest_seconds") == 0


async def test_a_saga_that_was_woken_is_due_as_one_whose_time_has_come(world: World) -> None:
    measures, sagas = world.runtime.measures, world.runtime.database["sagas"]
    ada = await world.customer("ada")
    await world.deposit(ada)
    await world.work()
    saga = await sagas.find_one({"status": "waiting"})
    assert saga is not None
    await sagas.update_one({"_id": saga["_id"]}, {"$set": {"wake_at": world.clock.now() + timedelta(days=1)}})
    await world.runtime.sagas.wake(saga["waits"], world.clock.now())
    await MeasuresStore(world.runtime.database, measures).read(world.clock.now() + timedelta(minutes=10))
    assert value(measures, "wallet_saga_due_oldest_seconds") == 600


async def test_how_long_the_oldest_has_been_parked(world: World) -> None:
    measures = world.runtime.measures
    ada = await world.customer("ada")
    scenario = SCENARIOS["refund rejected at birth"]
    await world.dial(scenario.declined, "decline", times=1_000)
    await world.buy(ada, scenario.amount)
    await world.settle()
    await MeasuresStore(world.runtime.database, measures).read(world.clock.now() + timedelta(hours=1))
    assert value(measures, "wallet_sagas_open", type="purchase", status="parked") == 1
    assert (value(measures, "wallet_saga_parked_oldest_seconds") or 0) >= 3_600
    assert value(measures, "wallet_sagas_ended_total", type="purchase", status="parked") == 1


async def test_the_port_answers_one_question_and_gathers_only_for_it() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc()
    gathered = 0

    async def gather() -> None:
        nonlocal gathered
        gathered += 1
        raise RuntimeError("the database is away")

    async with exposed(registry, "127.0.0.1", 0, gather) as port, httpx2.AsyncClient(trust_env=False) as client:
        base = f"http://127.0.0.1:{port}"
        assert gathered == 0
        answers = await asyncio.gather(*(client.get(f"{base}/metrics") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert "things_total 1.0" in answers[0].text
        assert gathered == 1
        assert (await client.get(f"{base}/")).status_code == 404
        assert (await client.post(f"{base}/metrics")).status_code == 405
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 20_000)
        assert await reader.read() == b""
        writer.close()


async def test_no_label_can_grow_without_bound() -> None:
    """A label took the path instead of the template, and the server that kept the series fell over."""
    known = {"method", "route", "status", "type", "step", "outcome", "provider", "repeated", "currency"}
    for family in Measures().registry._collector_to_names:
        assert set(getattr(family, "_labelnames", ())) <= known
