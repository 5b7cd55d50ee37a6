"""Calls to a vendor that answers at once, in memory: what an adapter and its line cost by themselves."""

import asyncio
import json
import os
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time
from typing import Any, Self

import httpx2
from pydantic import SecretStr

from app.clock import SystemClock
from app.money import USD, Money
from app.plumbing.logging import configure_logging
from app.providers.ports import AchOrder
from app.providers.registry import open_providers
from app.settings import load
from bench.child import Ready, serve_one_job
from bench.figures import percentile
from bench.measuring import Sample


@dataclass(frozen=True, slots=True)
class CallJob:
    """How many calls are in flight, and for how long they are counted."""

    in_flight: int
    warmup_s: float
    window_s: float

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """The job as another process wrote it."""
        return cls(**content)


class Bank(httpx2.AsyncBaseTransport):
    """Takes every payment on as it was asked for."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The payment, pending."""
        asked = json.loads(request.content)["data"]
        made = {"type": "achPayment", "id": "50", "attributes": {**asked["attributes"], "status": "Pending"}}
        return httpx2.Response(201, json={"data": {**made, "relationships": asked["relationships"]}})


async def work(job: CallJob, ready: Ready) -> Sample:
    """Pay from as many tasks as are in flight, with a log that goes nowhere; ``cpu`` is in milliseconds a call."""
    with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - before anything runs
        with redirect_stdout(nowhere):
            configure_logging()
        return await _paid(job, ready)


async def _paid(job: CallJob, ready: Ready) -> Sample:
    providers = await open_providers(load(), SystemClock(), Bank())
    await ready()
    waits, stop_at = list[float](), monotonic() + job.warmup_s

    async def pay() -> None:
        order = AchOrder("Debit", Money(10_000, USD), SecretStr("processor-x"), "Ada Doe", "eff_1", "TOPUP")
        while (began := monotonic()) < stop_at:
            await providers.ach.create_payment(order, key="eff_1")
            waits.append(monotonic() - began)

    async def round_of() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(job.in_flight):
                group.create_task(pay())

    await round_of()
    waits.clear()
    stop_at, used = monotonic() + job.window_s, process_time()
    await round_of()
    cpu_ms = (process_time() - used) * 1_000 / len(waits)
    await providers.aclose()
    waits.sort()
    p50_ms, p99_ms = (percentile(waits, percent) * 1_000 for percent in (50, 99))
    return Sample(len(waits) / job.window_s, p50_ms, p99_ms, waits[-1], {}, {"call": cpu_ms})


if __name__ == "__main__":
    serve_one_job(CallJob.read, work)
