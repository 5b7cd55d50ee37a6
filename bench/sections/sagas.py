"""The engine: how many sagas a worker drives, what waiting ones cost, and how soon one moves that is woken."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from statistics import median

from app.clock import SystemClock
from app.ids import new_id, stored_id
from app.ledger.changes import Companion
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.journal import SagaRecord, birth, effect_companion, effect_id
from app.orchestrator.lifecycle import phase_of
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database
from app.runtime import COLLECTIONS
from bench import saga_load
from bench.context import CALLERS, Bench, Plan
from bench.figures import Goal, Row, at_least, at_most, told
from bench.measuring import Sample
from bench.saga_flows import INNER, PROVIDER, WAITING, reference
from bench.saga_load import SagaJob
from bench.world import BOOK, customer, customer_id

SECTION = "sagas"
CUSTOMERS = 2_000
WAITING_SAGAS = 50_000
WAITING_SAGAS_QUICK = 10_000
DUE_SAGAS = 10_000
WAKE_UPS = 200
_WINDOW_QUICK_S = 2.0
_POLL_S = 0.5
_INSERTED_AT_ONCE = 2_000
_SAMPLES = 8


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions * _SAMPLES


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for _ in bench.rounds:
        for told_as, way, callers in (
            ("inner", "inner", CALLERS),
            ("outside", "outside", CALLERS),
            ("alone", "outside", 1),
        ):
            with _database(bench) as database:
                found[told_as].append(_take(bench, database, way, callers))
        with _database(bench) as database:
            bench.within(database, partial(_make_due, DUE_SAGAS))
            found["start"].append(_take(bench, database, "start", 0))
        with _database(bench) as database:
            waiting = WAITING_SAGAS_QUICK if bench.plan.window_s < _WINDOW_QUICK_S else WAITING_SAGAS
            bench.within(database, partial(_make_waiting, waiting))
            for way, callers in (("idle", 0), ("webhook", WAKE_UPS), ("hint", WAKE_UPS), ("poll", WAKE_UPS)):
                found[way].append(_take(bench, database, way, callers))
    return _rows(found)


@contextmanager
def _database(bench: Bench) -> Iterator[str]:
    with bench.database(lambda: map(customer, range(CUSTOMERS))) as name:
        bench.within(name, lambda database: ensure_collections(database, COLLECTIONS))
        yield name


def profile(bench: Bench, file: str) -> None:
    """Where the CPU time of a worker goes whose steps are a posting each."""
    with _database(bench) as database:
        _take(bench, database, "inner", CALLERS, file)


def _take(bench: Bench, database: str, way: str, callers: int, profile: str = "") -> Sample:
    job = SagaJob(
        uri=bench.servers.mongod.url,
        database=database,
        redis=bench.servers.valkey.url,
        way=way,
        callers=callers,
        customers=CUSTOMERS,
        poll_s=_POLL_S,
        warmup_s=bench.plan.warmup_s,
        window_s=bench.plan.window_s,
        pids={"mongod": bench.servers.mongod.pid},
        profile=profile,
    )
    return bench.take(f"sagas, {way}", saga_load.__name__, [job])[0]


async def _make_due(number: int, database: Database) -> None:
    """Sagas whose first step is done and whose second is due, as after a night without a worker."""
    first = INNER.steps[0].name
    sagas = (_saga(INNER.name, f"do:{INNER.steps[1].name}", first, each) for each in range(number))
    await _insert(database, (birth(saga, ())[0] for saga in sagas))


async def _make_waiting(number: int, database: Database) -> None:
    """Sagas that wait for their provider, and do not want to look by themselves for a month."""
    await _insert(database, (companion for each in range(number) for companion in _waiting(each)))


def _waiting(number: int) -> tuple[Companion, ...]:
    record, wait = (step.name for step in WAITING.steps)
    saga = _saga(WAITING.name, f"await:{wait}", record, number)
    effect = Effect(
        id=effect_id(saga.id, wait),
        saga_id=saga.id,
        step=wait,
        provider=PROVIDER,
        operation="send",
        request={},
        status=EffectStatus.CONFIRMED,
        attempts=1,
        send_by=saga.created_at,
        first_sent_at=saga.created_at,
        provider_ref=saga.id,
    )
    return (birth(saga, ())[0], effect_companion(None, effect))


def _saga(flow: str, state: str, done: str, number: int) -> SagaRecord:
    now, saga_id = SystemClock().now(), stored_id(BOOK, new_id("sag"))
    waits, step = state.startswith("await"), phase_of(state)[1]
    told = {"status": "waiting", "attempts": 1, "at": now}
    return SagaRecord(
        id=saga_id,
        type=flow,
        def_version=1,
        tenant=BOOK,
        user_id="usr_bench",
        state=state,
        params={"account_id": customer_id(number % CUSTOMERS)},
        fingerprint="",
        correlation_id="cor_bench",
        created_at=now,
        updated_at=now,
        steps={done: {"status": "done", "attempts": 1, "at": now}, **({step: told} if waits else {})},
        waits=(reference(saga_id),) if waits else (),
        wake_at=now + timedelta(days=30 if waits else 0),
    )


async def _insert(database: Database, companions: Iterator[Companion]) -> None:
    waiting: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for companion in companions:
        kept = waiting[companion.collection]
        kept.append({"_id": companion.id, **companion.document})
        if len(kept) == _INSERTED_AT_ONCE:
            await database[companion.collection].insert_many(kept, ordered=False)
            kept.clear()
    for collection, kept in waiting.items():
        if kept:
            await database[collection].insert_many(kept, ordered=False)


def _rows(found: dict[str, list[Sample]]) -> list[Row]:
    idle = tuple(100 * sample.cpu.get("worker", 0.0) for sample in found["idle"])
    return [
        _rate("five steps, a posting each, 128 in flight", found["inner"], 1_000),
        _rate("the same, an effect before and after each", found["outside"], 600),
        Row(
            SECTION,
            "start-up with 10,000 due: first work after",
            "s",
            tuple(sample.longest_s for sample in found["start"]),
            at_most(2),
            "from the start of the process, imports included",
        ),
        Row(SECTION, "waiting sagas, none due: the worker", "%", idle, at_most(2), "of a core"),
        _latency("one saga alone, from start to end, p99", found["alone"], None, "5 effects, 7 commits in one process"),
        _latency("one of them woken by a webhook, p99", found["webhook"], at_most(100), "the goal is for p95"),
        _latency("woken by a hint, p99", found["hint"], None, ""),
        _latency("found by the poll alone, p99", found["poll"], None, f"a poll every {told(_POLL_S, 's')}"),
    ]


def _rate(measure: str, samples: list[Sample], goal: float) -> Row:
    p50 = told(median(sample.p50_ms for sample in samples), "ms")
    figures = tuple(sample.per_s for sample in samples)
    return Row(SECTION, measure, "/s", figures, at_least(goal), f"{_cpu_each(samples)}; p50 {p50}")


def _latency(measure: str, samples: list[Sample], goal: Goal | None, detail: str) -> Row:
    p50 = f"p50 {told(median(sample.p50_ms for sample in samples), 'ms')}"
    figures = tuple(sample.p99_ms for sample in samples)
    return Row(SECTION, measure, "ms", figures, goal, "; ".join(filter(None, [p50, _cpu_each(samples), detail])))


def _cpu_each(samples: list[Sample]) -> str:
    """What each saga, or each wake-up, costs the processes that have to do with it."""
    each = ", ".join(
        f"{name} {told(median(1e3 * sample.cpu.get(name, 0) / max(sample.per_s, 1) for sample in samples), 'ms')}"
        for name in samples[0].cpu
    )
    return f"CPU each: {each}"
