"""A vendor that does not answer is left alone, and found again by one call at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from app.clock import ManualClock
from app.providers.circuit import FAILURES_MAX, Circuit
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor, misbehaving

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REST_S = 15
LOST, SOUND = Answer(502, b""), Answer(200, {"id": 1})


@asynccontextmanager
async def line(vendor: TinyVendor, clock: ManualClock, name: str = "acme") -> AsyncIterator[Transport]:
    circuit = Circuit(name, clock, rest=timedelta(seconds=REST_S))
    transport = Transport(
        name,
        base_url="http://acme.test",
        timeout_s=1.0,
        error_code=lambda body: body.get("code") if isinstance(body, dict) else None,
        circuit=circuit,
        transport=httpx2.ASGITransport(vendor),
    )
    try:
        yield transport
    finally:
        await transport.aclose()


async def pay(transport: Transport) -> str:
    """One call; the word it was answered with."""
    try:
        await transport.request("pay", "POST", "/payments", json={})
    except (Declined, Unavailable, OutcomeUnknown) as outcome:
        return f"{type(outcome).__name__} {outcome.reason}"
    return "done"


async def wear_out(transport: Transport) -> None:
    assert {await pay(transport) for _ in range(FAILURES_MAX)} == {"OutcomeUnknown http-502"}


async def test_after_so_many_failures_calls_are_definitely_not_done_and_told_how_long() -> None:
    vendor, clock = TinyVendor(LOST), ManualClock(NOON)
    async with line(vendor, clock) as transport:
        await wear_out(transport)
        clock.advance(5)
        with pytest.raises(Unavailable, match="circuit-open") as raised:
            await transport.request("pay", "POST", "/payments", json={})
    assert raised.value.retry_after_s == 10.0
    assert len(vendor.asked) == FAILURES_MAX
    assert transport.refuses()


async def test_after_the_rest_one_call_at_a_time_asks_until_the_vendor_answers() -> None:
    vendor, clock = TinyVendor(*[LOST] * (FAILURES_MAX + 1), SOUND), ManualClock(NOON)
    async with line(vendor, clock) as transport:
        await wear_out(transport)
        clock.advance(REST_S)
        words = [await pay(transport) for _ in range(3)]
        assert words == ["OutcomeUnknown http-502", "Unavailable circuit-open", "Unavailable circuit-open"]
        clock.advance(REST_S)
        assert [await pay(transport) for _ in range(3)] == ["done", "done", "done"]
        assert not transport.refuses()


@pytest.mark.parametrize("status", [400, 401, 404, 429])
async def test_an_answer_whatever_it_says_shows_that_the_vendor_is_there(status: int) -> None:
    answers = [LOST] * (FAILURES_MAX - 1) + [Answer(status, {"code": "no"})] + [LOST] * (FAILURES_MAX - 1) + [SOUND]
    vendor = TinyVendor(*answers)
    async with line(vendor, ManualClock(NOON)) as transport:
        for _ in answers[:-1]:
            await pay(transport)
        assert await pay(transport) == "done"


async def test_definite_refusals_alone_never_open_it() -> None:
    vendor = TinyVendor(Answer(422, {"code": "no"}))
    async with line(vendor, ManualClock(NOON)) as transport:
        assert {await pay(transport) for _ in range(3 * FAILURES_MAX)} == {"Declined no"}


async def test_one_vendors_silence_is_not_anothers() -> None:
    clock = ManualClock(NOON)
    async with line(TinyVendor(LOST), clock) as silent, line(TinyVendor(SOUND), clock, "other") as other:
        await wear_out(silent)
        assert await pay(silent) == "Unavailable circuit-open"
        assert await pay(other) == "done"


async def test_a_read_is_refused_at_once_instead_of_waiting_for_the_rest() -> None:
    vendor = TinyVendor(LOST)
    async with line(vendor, ManualClock(NOON)) as transport:
        await wear_out(transport)
        with pytest.raises(Unavailable, match="circuit-open"):
            await transport.request("look", "GET", "/payments/1")
    assert len(vendor.asked) == FAILURES_MAX


async def test_a_probe_that_was_cancelled_is_followed_by_another() -> None:
    clock = ManualClock(NOON)
    circuit = Circuit("acme", clock, rest=timedelta(seconds=REST_S))
    for _ in range(FAILURES_MAX):
        circuit.heard(well=False)

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with misbehaving(keep_silent) as (url, heads):
        transport = Transport("acme", base_url=url, timeout_s=5.0, error_code=lambda _: None, circuit=circuit)
        for _ in range(2):
            clock.advance(REST_S)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await transport.request("look", "GET", "/payments/1")
        await transport.aclose()
    assert len(heads) == 2
