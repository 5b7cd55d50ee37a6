"""The same request twice is answered twice and done once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.clock import ManualClock, SystemClock
from app.idempotency.claims import Claims
from app.plumbing import embedded
from app.plumbing.rates import Rates
from app.plumbing.redis import connect_redis
from tests.middleware.toys import Toy

PAYMENT = {"amount": "10.00"}
PATIENCE_S = 10.0


def headers(key: str | None = "k-1", caller: str = "alice") -> dict[str, str]:
    named = {"Authorization": f"Bearer {caller}"}
    return {**named, "Idempotency-Key": key} if key else named


async def pay(client: httpx2.AsyncClient, body: object = None, **who: str) -> httpx2.Response:
    return await client.post("/v1/payments", json=body or PAYMENT, headers=headers(**who))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is awaited happens on the other side of HTTP
            await asyncio.sleep(0.005)


async def test_twenty_at_once_run_once(toy: Toy, client: httpx2.AsyncClient) -> None:
    toy.gate.clear()
    async with asyncio.TaskGroup() as group:
        requests = [group.create_task(pay(client)) for _ in range(20)]
        await until(lambda: sum(request.done() for request in requests) == 19)
        toy.gate.set()
    answers = [request.result() for request in requests]

    assert toy.runs == 1
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    waiting = next(answer for answer in answers if answer.status_code == 409)
    assert waiting.json()["code"] == "idempotency-in-progress"
    assert int(waiting.headers["Retry-After"]) >= 1


async def test_a_repeat_gets_the_first_answer_and_says_so(toy: Toy, client: httpx2.AsyncClient) -> None:
    first = await pay(client)
    second = await pay(client, {"amount": "10.00"})

    assert toy.runs == 1
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["X-Correlation-ID"] != first.headers["X-Correlation-ID"]


async def test_quoted_and_plain_are_the_same_key(toy: Toy, client: httpx2.AsyncClient) -> None:
    await pay(client, key="k-1")
    await pay(client, key='"k-1"')

    assert toy.runs == 1


async def test_the_same_key_with_other_content_is_refused(toy: Toy, client: httpx2.AsyncClient) -> None:
    await pay(client)
    other = await pay(client, {"amount": "10.01"})

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert toy.runs == 1


async def test_other_content_is_refused_while_the_first_still_runs(toy: Toy, client: httpx2.AsyncClient) -> None:
    toy.gate.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(pay(client))
        await until(lambda: toy.runs == 1)
        other = await pay(client, {"amount": "10.01"})
        toy.gate.set()

    assert other.json()["code"] == "idempotency-key-reused"
    assert first.result().status_code == 201


async def test_a_key_belongs_to_its_caller_and_route(toy: Toy, client: httpx2.AsyncClient) -> None:
    await pay(client)
    await pay(client, caller="bob")
    await client.post("/v1/notes", headers=headers())

    assert toy.runs == 3


async def test_a_missing_or_malformed_key_is_named(toy: Toy, client: httpx2.AsyncClient) -> None:
    missing = await client.post("/v1/payments", json=PAYMENT, headers=headers(key=None))
    malformed = await pay(client, key="two words")
    twice = await client.post("/v1/payments", json=PAYMENT, headers=[*headers().items(), ("Idempotency-Key", "k-2")])

    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency-key-missing")
    assert (malformed.status_code, malformed.json()["code"]) == (400, "idempotency-key-malformed")
    assert (twice.status_code, twice.json()["code"]) == (400, "idempotency-key-malformed")
    assert toy.runs == 0


async def test_where_a_key_is_only_welcome_none_is_needed(toy: Toy, client: httpx2.AsyncClient) -> None:
    for key in (None, None, "k-1", "k-1"):
        assert (await client.post("/v1/notes", headers=headers(key))).status_code == 200

    assert toy.runs == 3


AFTERWARDS = {
    # the first answer, and whether a repeat with the same key runs again
    "insufficient": (409, False),
    "kyc": (403, True),
    "racing": (409, True),
    "busy": (503, True),
    "broken": (500, True),
}


@pytest.mark.parametrize("verdict", AFTERWARDS)
async def test_only_the_verdict_of_the_verb_is_remembered(verdict: str, toy: Toy, client: httpx2.AsyncClient) -> None:
    status, runs_again = AFTERWARDS[verdict]
    toy.verdict = verdict
    first = await pay(client)
    toy.verdict = ""
    second = await pay(client)

    assert first.status_code == status
    assert second.status_code == (201 if runs_again else status)
    assert toy.runs == (2 if runs_again else 1)


async def test_while_the_outcome_is_unknown_nobody_runs_it_again(
    toy: Toy, client: httpx2.AsyncClient, redis: Redis
) -> None:
    toy.verdict = "unknown"
    first = await pay(client)
    toy.verdict = ""
    second = await pay(client)

    assert (first.status_code, first.json()["code"]) == (503, "outcome-unknown")
    assert second.json()["code"] == "idempotency-in-progress"
    [claim] = await redis.keys("idem:*")
    assert 0 < await redis.ttl(claim) <= 30


@pytest.mark.parametrize("body", [b'{"amount": 10}', b'{"amount": "1", "x": 1}', b"{", b'{"amount": NaN}'])
async def test_a_body_refused_before_the_verb_leaves_the_key_free(
    body: bytes, toy: Toy, client: httpx2.AsyncClient
) -> None:
    sent = {**headers(), "Content-Type": "application/json"}
    refused = await client.post("/v1/payments", content=body, headers=sent)
    corrected = await pay(client)

    assert refused.status_code in {400, 422}
    assert corrected.status_code == 201


async def test_an_answer_is_not_replayed_to_one_who_lost_the_permission(toy: Toy, client: httpx2.AsyncClient) -> None:
    await pay(client)
    stripped = await pay(client, caller="alice:wallet:read")

    assert stripped.json()["code"] == "permission-denied"


async def test_a_key_whose_first_request_hangs_comes_free_by_itself(redis: Redis) -> None:
    hanging, next_process = (
        Toy(Claims(redis, SystemClock(), running_s=1), Rates(redis, SystemClock())) for _ in range(2)
    )
    hanging.gate.clear()
    async with hanging.client() as stuck, next_process.client() as client, asyncio.TaskGroup() as group:
        first = group.create_task(pay(stuck))
        await until(lambda: hanging.runs == 1)
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await pay(client)).status_code == 409:  # noqa: ASYNC110 - a lifetime in Valkey
                await asyncio.sleep(0.05)
        hanging.gate.set()
        await first

    assert answer.status_code == 201


async def test_an_owner_whose_claim_lapsed_does_not_touch_the_next_one(toy: Toy, redis: Redis) -> None:
    toy.gate.clear()
    async with toy.client() as client, asyncio.TaskGroup() as group:
        first = group.create_task(pay(client))
        await until(lambda: toy.runs == 1)
        [name] = await redis.keys("idem:*")
        await redis.set(name, b"somebody else's claim")
        toy.gate.set()
        await first

    assert await redis.get(name) == b"somebody else's claim"


async def test_with_valkey_killed_requests_go_on_and_one_line_says_so(tmp_path: Path) -> None:
    server = embedded.start_valkey(tmp_path / "valkey", tmp_path / "run", tmp_path / "valkey.log")
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    async with connect_redis(server.url) as valkey:
        toy = Toy(Claims(valkey, clock), Rates(valkey, clock))
        async with toy.client() as client:
            assert (await pay(client)).status_code == 201
            embedded.stop(server)
            with capture_logs() as lines:
                answers = [await pay(client, key=f"k-{number}") for number in range(5)]
                repeat = await pay(client, key="k-1")

    assert [answer.status_code for answer in answers] == [201] * 5
    assert repeat.status_code == 201
    assert sum(line["event"] == "idempotency claims unavailable" for line in lines) == 1


async def test_a_valkey_that_never_answers_costs_a_moment_once() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    async with silent, connect_redis(f"redis://127.0.0.1:{port}") as valkey:
        toy = Toy(Claims(valkey, clock), Rates(valkey, clock))
        async with toy.client() as client, asyncio.timeout(2.0):
            answers = [await pay(client, key=f"k-{number}") for number in range(20)]

    assert [answer.status_code for answer in answers] == [201] * 20
