"""The HTTP edge under load: every layer on, real tokens, a real Valkey."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from app.clock import SystemClock
from app.identity.principals import DEFAULT_TENANT, Principal
from app.identity.store import COLLECTIONS, Users
from app.ids import derived_id, public_id
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database
from bench import http_load
from bench.api import HOST, Api, serving
from bench.context import Bench, Plan
from bench.figures import Row, at_least, at_most, told
from bench.http_load import BATCHES, TRANSFERS, HttpJob
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
_PROCESSES = 2
_SIZE = 100
_BATCH_CONNECTIONS = 16


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return 3 * plan.repetitions


def measure(bench: Bench, profile: str = "") -> list[Row]:
    """The rows of this section; the API's profile is written to the file named, if one is."""
    with issuing() as issuer:
        people = [person(issuer, number) for number in range(USERS)]
        accounts = [customer(number, person.user_id) for number, person in enumerate(people)]
        with bench.database(lambda: accounts) as database:
            bench.teller.doing(f"{USERS:,} users and their tokens")
            bench.within(database, lambda opened: verify(opened, people))
            users = [
                (issuer.token(each.subject), public_id(account.id))
                for each, account in zip(people, accounts, strict=True)
            ]
            with (
                serving(bench.servers, database, issuer.url, profile=profile) as one,
                serving(bench.servers, database, issuer.url, _PROCESSES) as several,
            ):
                found = _Found()
                for _ in bench.rounds:
                    found.one.append(_measure_once(bench, "one process", one, users))
                    found.several.append(_measure_once(bench, f"{_PROCESSES} processes", several, users))
                    found.batches.append(_measure_batches(bench, one, users))
                    found.resident.extend(map(resident_mb, (*one.pids, *several.pids)))
    return [*_rows(found), _memory(found.resident), _batches(found.batches)]


def person(issuer: Issuer, number: int) -> Principal:
    """Somebody whom the issuer knows under that number."""
    subject = f"auth0|{number}"
    return Principal(derived_id("usr", issuer.url, subject), DEFAULT_TENANT, issuer.url, subject, frozenset())


async def verify(database: Database, people: Sequence[Principal]) -> None:
    """Make everybody a user whose identity is verified."""
    await ensure_collections(database, COLLECTIONS)
    clock = SystemClock()
    users = Users(database, clock)
    for each in people:
        user = await users.get_or_create(each)
        await users.set_level(user.stored_id, "verified", clock.now())


@dataclass(slots=True)
class _Found:
    """What the rounds have found."""

    one: list[Sample] = field(default_factory=list)
    several: list[Sample] = field(default_factory=list)
    batches: list[Sample] = field(default_factory=list)
    resident: list[float | None] = field(default_factory=list)


def _measure_once(bench: Bench, ways: str, api: Api, users: Sequence[tuple[str, str]]) -> Sample:
    job = HttpJob(HOST, api.port, CONNECTIONS, list(users), *_times(bench), pids=_pids(bench, api))
    return bench.take(f"POST {TRANSFERS}, {ways}", http_load.__name__, [job])[0]


def _measure_batches(bench: Bench, api: Api, users: Sequence[tuple[str, str]]) -> Sample:
    pids = _pids(bench, api)
    job = HttpJob(HOST, api.port, _BATCH_CONNECTIONS, list(users), *_times(bench), BATCHES, _SIZE, pids)
    return bench.take(f"POST {BATCHES}, {_SIZE} each", http_load.__name__, [job])[0]


def _times(bench: Bench) -> tuple[float, float]:
    return max(_WARMUP_MIN_S, bench.plan.warmup_s), max(_WINDOW_MIN_S, bench.plan.window_s)


def _pids(bench: Bench, api: Api) -> dict[str, int]:
    apis = {f"api {number}": pid for number, pid in enumerate(api.pids, 1)}
    return {**apis, "mongod": bench.servers.mongod.pid, "valkey": bench.servers.valkey.pid}


def _rows(found: _Found) -> list[Row]:
    one, several = found.one, found.several
    p50 = told(median(each.p50_ms for each in one), "ms")
    measured = (*one, *several, *found.batches)
    refused = sum((Counter(each.refused) for each in measured), Counter[str]())
    errors = ", ".join(f"{number} of {status}" for status, number in refused.most_common())
    asked = f"POST {TRANSFERS}, {CONNECTIONS} connections"
    return [
        Row(SECTION, asked, "/s", _rates(one), at_least(3_000), _cpu(one)),
        Row(SECTION, "its p99", "ms", tuple(each.p99_ms for each in one), at_most(120), f"p50 {p50}"),
        Row(SECTION, f"the same, {_PROCESSES} processes on the port", "/s", _rates(several), None, _cpu(several)),
        Row(SECTION, "their p99", "ms", tuple(each.p99_ms for each in several)),
        Row(SECTION, "refused", "", tuple(sum(each.refused.values()) for each in measured), at_most(0), errors),
    ]


def _rates(found: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(each.per_s for each in found)


def _cpu(found: Sequence[Sample]) -> str:
    used = (f"{name} {median(each.cpu.get(name, 0) for each in found):.0%}" for name in found[0].cpu)
    return f"CPU: {', '.join(used)}"


def _memory(resident: Sequence[float | None]) -> Row:
    told_mb = tuple(each for each in resident if each is not None)
    detail = "after each repetition" if told_mb else "this system does not tell"
    return Row(SECTION, "resident memory of the API", "MB", told_mb, at_most(150), detail)


def _batches(found: Sequence[Sample]) -> Row:
    measure = f"POST {BATCHES} of {_SIZE}, {_BATCH_CONNECTIONS} connections"
    return Row(SECTION, measure, "/s", _rates(found), at_least(9_000), _cpu(found))
