"""Who asks too often is told so, and when to come back; nobody else notices."""

from datetime import UTC, datetime

import httpx2
import pytest
from redis.asyncio import Redis

from app.clock import ManualClock
from app.idempotency.claims import Claims
from app.ids import new_id
from app.plumbing.rates import Rate, Rates
from tests.middleware.toys import Toy

TWO_A_MINUTE = Rate(2, 60)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


def toy(redis: Redis, clock: ManualClock, **limits: Rate) -> Toy:
    return Toy(Claims(redis, clock), Rates(redis, clock), limits)


async def ask(client: httpx2.AsyncClient, caller: str, path: str = "/v1/things/1") -> httpx2.Response:
    return await client.get(path, headers={"Authorization": f"Bearer {caller}"})


async def test_a_caller_who_asks_too_often_is_told_when_to_come_back(redis: Redis, clock: ManualClock) -> None:
    caller = new_id("al")
    async with toy(redis, clock, caller=TWO_A_MINUTE).client() as client:
        first, second, third = [await ask(client, caller) for _ in range(3)]
        assert (first.status_code, first.headers["RateLimit"]) == (200, '"caller";r=1')
        assert second.headers["RateLimit-Policy"] == '"caller";q=2;w=60'
        assert (third.status_code, third.json()["code"], third.headers["Retry-After"]) == (429, "rate-limited", "30")
        assert (await ask(client, new_id("al"))).status_code == 200
        clock.advance(30.0)
        assert (await ask(client, caller)).status_code == 200


async def test_a_request_that_is_turned_away_claims_no_key(redis: Redis, clock: ManualClock) -> None:
    caller, small = new_id("al"), toy(redis, clock, caller=Rate(1, 60))
    headers = {"Authorization": f"Bearer {caller}", "Idempotency-Key": new_id("key")}
    async with small.client() as client:
        await ask(client, caller)
        refused = await client.post("/v1/payments", json={"amount": "1.00"}, headers=headers)
        assert (refused.status_code, small.runs) == (429, 0)
        clock.advance(60.0)
        assert (await client.post("/v1/payments", json={"amount": "1.00"}, headers=headers)).status_code == 201


async def test_an_address_is_limited_whoever_asks_from_it(redis: Redis, clock: ManualClock) -> None:
    wallet = toy(redis, clock, address=TWO_A_MINUTE)
    here = httpx2.ASGITransport(app=wallet.app, client=(new_id("10"), 1))
    async with httpx2.AsyncClient(transport=here, base_url="http://wallet.test") as client:
        statuses = [(await ask(client, new_id("al"))).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await client.post("/webhooks/bank", content=b"{}")).status_code == 200


async def test_the_tightest_limit_is_the_one_that_is_told(redis: Redis, clock: ManualClock) -> None:
    async with toy(redis, clock, tenant=Rate(1_000_000, 1), caller=TWO_A_MINUTE).client() as client:
        answer = await ask(client, new_id("al"))
    assert answer.headers["RateLimit-Policy"].startswith('"caller"')


async def test_every_answer_tells_browsers_to_keep_out(redis: Redis, clock: ManualClock) -> None:
    async with toy(redis, clock).client() as client:
        answers = [await ask(client, "alice"), await ask(client, "nobody"), await client.get("/nowhere")]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
