"""Requests that take too long, and clients that do not wait."""

import asyncio
from datetime import UTC, datetime

from redis.asyncio import Redis

from app.clock import ManualClock
from app.idempotency.claims import Claims
from app.middleware.authentication import Callers
from app.plumbing.rates import Rates
from tests.middleware.toys import Names, Toy

HEADERS = {"Authorization": "Bearer alice", "Idempotency-Key": "k-1"}


async def test_a_verb_that_is_cut_short_leaves_its_outcome_open_and_its_claim_kept(redis: Redis) -> None:
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    toy = Toy(Claims(redis, clock), Rates(redis, clock))
    toy.request_s = 0.05
    toy.gate.clear()
    async with toy.between(Callers(Names())) as client:
        cut = await client.post("/v1/payments", json={"amount": "1"}, headers=HEADERS)
        toy.gate.set()
        again = await client.post("/v1/payments", json={"amount": "1"}, headers=HEADERS)

    assert (cut.status_code, cut.json()["code"]) == (503, "outcome-unknown")
    assert (again.status_code, again.json()["code"]) == (409, "idempotency-in-progress")


async def test_a_verb_that_is_interrupted_keeps_its_claim(toy: Toy, redis: Redis) -> None:
    toy.gate.clear()
    async with toy.client() as client:
        asked = asyncio.ensure_future(client.post("/v1/payments", json={"amount": "1"}, headers=HEADERS))
        async with asyncio.timeout(10):
            while not toy.runs:  # noqa: ASYNC110 - what is awaited happens on the other side of HTTP
                await asyncio.sleep(0.005)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        toy.gate.set()
        again = await client.post("/v1/payments", json={"amount": "1"}, headers=HEADERS)

    assert again.json()["code"] == "idempotency-in-progress"
    assert len(await redis.keys("idem:*")) == 1
