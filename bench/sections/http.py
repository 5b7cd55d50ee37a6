"""The HTTP edge under load: every layer on, real tokens, a real Valkey."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from app.clock import SystemClock
from app.identity.principals import DEFAULT_TENANT, Principal
from app.identity.store import COLLECTIONS, Users
from app.ids import derived_id, public_id
from app.main import ROUTERS
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database
from bench import http_load
from bench.api import HOST, Api, serving
from bench.context import Bench, Plan
from bench.figures import Row, at_least, at_most, told
from bench.http_load import HttpJob
from bench.issuer import Issuer, issuing
from bench.machine import resident_mb
from bench.measuring import Sample
from bench.world import customer

SECTION = "http"
CONNECTIONS = 128
USERS = 2_000
_WARMUP_MIN_S = 2.0
"""Every token is verified once, and both pools fill."""
_WINDOW_MIN_S = 3.0
BATCHES = "/v1/admin/transfers/batch"


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions


def measure(bench: Bench, profile: str = "") -> list[Row]:
    """The rows of this section; the API's profile is written to the file named, if one is."""
    with issuing() as issuer:
        people = [_person(issuer, number) for number in range(USERS)]
        accounts = [customer(number, person.user_id) for number, person in enumerate(people)]
        with bench.database(lambda: accounts) as database:
            bench.teller.doing(f"{USERS:,} users and their tokens")
            bench.within(database, lambda opened: _verify(opened, people))
            users = [
                (issuer.token(person.subject), public_id(account.id))
                for person, account in zip(people, accounts, strict=True)
            ]
            with serving(bench.servers, database, issuer.url, profile) as api:
                found: list[Sample] = []
                resident: list[float | None] = []
                for _ in bench.rounds:
                    found.append(_measure_once(bench, api, users))
                    resident.append(resident_mb(api.pid))
    return [*_rows(found), _memory(resident), _batches()]


def _person(issuer: Issuer, number: int) -> Principal:
    subject = f"auth0|{number}"
    return Principal(derived_id("usr", issuer.url, subject), DEFAULT_TENANT, issuer.url, subject, frozenset())


async def _verify(database: Database, people: Sequence[Principal]) -> None:
    """Make everybody a user whose identity is verified."""
    await ensure_collections(database, COLLECTIONS)
    clock = SystemClock()
    users = Users(database, clock)
    for person in people:
        user = await users.get_or_create(person)
        await users.set_level(user.stored_id, "verified", clock.now())


def _measure_once(bench: Bench, api: Api, users: Sequence[tuple[str, str]]) -> Sample:
    pids = {"api": api.pid, "mongod": bench.servers.mongod.pid, "valkey": bench.servers.valkey.pid}
    warmup_s, window_s = max(_WARMUP_MIN_S, bench.plan.warmup_s), max(_WINDOW_MIN_S, bench.plan.window_s)
    job = HttpJob(HOST, api.port, CONNECTIONS, list(users), warmup_s, window_s, pids)
    return bench.take("POST /v1/transfers", http_load.__name__, [job])[0]


def _rows(found: Sequence[Sample]) -> list[Row]:
    cpu = ", ".join(f"{name} {median(each.cpu.get(name, 0) for each in found):.0%}" for name in found[0].cpu)
    p50 = told(median(each.p50_ms for each in found), "ms")
    refused = sum((Counter(each.refused) for each in found), Counter[str]())
    errors = ", ".join(f"{number} of {status}" for status, number in refused.most_common())
    return [
        _row(
            f"POST /v1/transfers, {CONNECTIONS} connections", "/s", [each.per_s for each in found], 3_000, f"CPU: {cpu}"
        ),
        Row(SECTION, "its p99", "ms", tuple(each.p99_ms for each in found), at_most(120), f"p50 {p50}"),
        Row(
            SECTION,
            "answers other than 201",
            "",
            tuple(sum(each.refused.values()) for each in found),
            at_most(0),
            errors,
        ),
    ]


def _row(measure: str, unit: str, values: Sequence[float], goal: float, detail: str) -> Row:
    return Row(SECTION, measure, unit, tuple(values), at_least(goal), detail)


def _memory(resident: Sequence[float | None]) -> Row:
    told_mb = tuple(each for each in resident if each is not None)
    detail = "after each repetition" if told_mb else "this system does not tell"
    return Row(SECTION, "resident memory of the API", "MB", told_mb, at_most(150), detail)


def _batches() -> Row:
    paths = {getattr(route, "path", "") for router in ROUTERS for route in router.routes}
    detail = "built; nothing measures it yet" if BATCHES in paths else "not built"
    return Row(SECTION, f"POST {BATCHES}, transfers of 100", "/s", (), at_least(9_000), detail)
