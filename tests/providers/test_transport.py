"""The line to a vendor answers in three words, over real sockets, and never tells a secret."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from gzip import compress
from typing import Any

import httpx2
import pytest
import structlog

from app.plumbing.correlation import correlation_id
from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.providers.transport import READ_S_MAX, RESPONSE_BYTES_MAX, Transport, segment
from tests.providers.tiny_vendor import Answer, TinyVendor, misbehaving

SECRET = "canary-4f1d"


def code_in(body: Any) -> object:
    return body.get("code") if isinstance(body, dict) else None


@asynccontextmanager
async def line(
    base_url: str, *, timeout_s: float = 0.5, read_s_max: float = READ_S_MAX, vendor: TinyVendor | None = None
) -> AsyncIterator[Transport]:
    transport = Transport(
        "acme",
        base_url=base_url,
        timeout_s=timeout_s,
        read_s_max=read_s_max,
        error_code=code_in,
        headers={"Authorization": f"Bearer {SECRET}"},
        concurrency=2,
        transport=None if vendor is None else httpx2.ASGITransport(vendor),
    )
    try:
        yield transport
    finally:
        await transport.aclose()


def line_to(*answers: Answer) -> tuple[TinyVendor, Any]:
    vendor = TinyVendor(*answers)
    return vendor, line("http://acme.test/base", vendor=vendor)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


STATUSES = [
    # status, body, of a GET, of a POST
    (400, {"code": "bad"}, (Declined, "bad"), (Declined, "bad")),
    (404, {"code": "x.missing"}, (Declined, "x.missing"), (Declined, "x.missing")),
    (409, {"code": "said with words, perhaps a name"}, (Declined, "http-409"), (Declined, "http-409")),
    (422, {"detail": "not the vendor's"}, (Unavailable, "http-422"), (OutcomeUnknown, "http-422")),
    (404, b"<html>a proxy</html>", (Unavailable, "http-404"), (OutcomeUnknown, "http-404")),
    (408, {"code": "slow"}, (Unavailable, "http-408"), (OutcomeUnknown, "http-408")),
    (401, {"code": "who"}, (Unavailable, "unauthorized"), (Unavailable, "unauthorized")),
    (403, {"code": "no"}, (Unavailable, "unauthorized"), (Unavailable, "unauthorized")),
    (429, {"code": "often"}, (Unavailable, "rate-limited"), (Unavailable, "rate-limited")),
    (302, None, (Unavailable, "http-302"), (OutcomeUnknown, "http-302")),
    (500, {"code": "oops"}, (Unavailable, "http-500"), (OutcomeUnknown, "http-500")),
    (503, b"", (Unavailable, "http-503"), (OutcomeUnknown, "http-503")),
    (200, b"<html>a captive portal</html>", (Unavailable, "unintelligible"), (OutcomeUnknown, "unintelligible")),
    (200, b'{"amount":NaN}', (Unavailable, "unintelligible"), (OutcomeUnknown, "unintelligible")),
    (200, b"[" * 100_000, (Unavailable, "unintelligible"), (OutcomeUnknown, "unintelligible")),
]


@pytest.mark.parametrize(("status", "body", "of_get", "of_post"), STATUSES)
async def test_a_status_means_one_of_three_words(
    status: int, body: Any, of_get: tuple[type[ProviderOutcome], str], of_post: tuple[type[ProviderOutcome], str]
) -> None:
    for method, (word, reason) in (("GET", of_get), ("POST", of_post)):
        _, opened = line_to(Answer(status, body))
        async with opened as transport:
            with pytest.raises(ProviderOutcome) as raised:
                await transport.request("ask", method, "/things")
        assert (type(raised.value), raised.value.reason, raised.value.provider) == (word, reason, "acme")


async def test_a_refused_connection_is_definitely_not_done() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connecting is refused
        async with line(f"http://127.0.0.1:{taken.getsockname()[1]}") as transport:
            with pytest.raises(Unavailable, match="unreachable"):
                await transport.request("pay", "POST", "/payments", json={})


async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing at all."""


async def drop_midway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":')
    await writer.drain()


async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte at a time, each well within any timeout between two bytes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


BREAKS = [drop, drop_midway, keep_silent, drip]


@pytest.mark.parametrize("breaking", BREAKS)
async def test_a_post_whose_answer_is_lost_is_unknown_and_never_repeated(breaking: Callable[..., Any]) -> None:
    async with misbehaving(breaking) as (url, heads), line(url, timeout_s=0.3) as transport:
        with pytest.raises(OutcomeUnknown, match="no-answer"):
            await transport.request("pay", "POST", "/payments", json={"amount": 1})
    assert len(heads) == 1


@pytest.mark.parametrize("breaking", BREAKS)
async def test_a_get_whose_answer_is_lost_is_unavailable_within_the_timeout(breaking: Callable[..., Any]) -> None:
    async with misbehaving(breaking) as (url, _), line(url, timeout_s=0.5) as transport:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(Unavailable, match="no-answer"):
            await transport.request("look", "GET", "/payments/1")
        assert loop.time() - began < 1.5


async def test_a_get_is_tried_three_times_at_most() -> None:
    vendor, opened = line_to(Answer(500), Answer(500), Answer(200, {"id": 1}))
    async with opened as transport:
        assert (await transport.request("look", "GET", "/things")).body == {"id": 1}
    assert len(vendor.asked) == 3
    vendor, opened = line_to(Answer(500))
    async with opened as transport:
        with pytest.raises(Unavailable):
            await transport.request("look", "GET", "/things")
    assert len(vendor.asked) == 3


async def test_a_get_waits_no_longer_for_a_limit_than_its_timeout() -> None:
    vendor, opened = line_to(Answer(429, {"code": "often"}, (("retry-after", "30"),)))
    async with opened as transport:
        with pytest.raises(Unavailable) as raised:
            await transport.request("look", "GET", "/things")
    assert (raised.value.retry_after_s, len(vendor.asked)) == (30.0, 1)


@pytest.mark.parametrize(
    ("told", "read"), [("7", 7.0), ("999999999", 3600.0), ("-1", None), ("soon", None), ("٣", None)]
)
async def test_the_vendors_wish_to_wait_is_read_and_bounded(told: str, read: float | None) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: " + told.encode() + b"\r\n\r\n")
        await writer.drain()

    async with misbehaving(answer) as (url, _), line(url) as transport:
        with pytest.raises(Unavailable) as raised:
            await transport.request("pay", "POST", "/payments")
    assert raised.value.retry_after_s == read


async def test_a_body_beyond_the_bound_is_abandoned_however_small_its_gzip() -> None:
    bomb = compress(b" " * (RESPONSE_BYTES_MAX * 20))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await writer.drain()

    async with misbehaving(answer) as (url, _), line(url, timeout_s=5) as transport:
        with pytest.raises(OutcomeUnknown, match="response-too-large"):
            await transport.request("pay", "POST", "/payments")


async def test_more_calls_than_slots_wait_and_then_are_definitely_not_done() -> None:
    async with misbehaving(keep_silent) as (url, heads), line(url, timeout_s=0.3) as transport:
        calls = [transport.request("pay", "POST", "/payments") for _ in range(4)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(str(outcome) for outcome in outcomes) == [
        "acme: no-answer",
        "acme: no-answer",
        "acme: saturated",
        "acme: saturated",
    ]
    assert len(heads) == 2


async def test_a_call_that_may_be_made_again_is_given_up_sooner_than_one_that_may_not() -> None:
    async with misbehaving(keep_silent) as (url, _), line(url, timeout_s=0.6, read_s_max=0.1) as transport:
        loop, took = asyncio.get_running_loop(), {}
        for method in ("GET", "POST"):
            began = loop.time()
            with pytest.raises(ProviderOutcome):
                await transport.request("ask", method, "/things")
            took[method] = loop.time() - began
    assert took["GET"] < 0.5 < took["POST"]


async def test_a_vendor_whose_slots_are_taken_holds_up_nobody_elses() -> None:
    taken = asyncio.Barrier(3)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken.wait()
        await keep_silent(reader, writer)

    vendor, opened = line_to(Answer(200, {}))
    async with (
        misbehaving(take) as (url, _),
        line(url, timeout_s=30) as silent,
        opened as other,
        asyncio.TaskGroup() as at,
    ):
        calls = [at.create_task(silent.request("pay", "POST", "/payments")) for _ in range(3)]
        await taken.wait()
        await other.request("pay", "POST", "/payments")
        for call in calls:
            call.cancel()
    assert len(vendor.asked) == 1


async def test_what_the_vendor_calls_an_exchange_is_logged(logged: list[Any]) -> None:
    _, opened = line_to(Answer(200, {}, (("request-id", "req_4711"),)))
    async with opened as transport:
        await transport.request("pay", "POST", "/payments")
    assert logged[0]["vendor_request_id"] == "req_4711"


async def test_an_operation_out_of_time_sends_nothing_more() -> None:
    vendor, opened = line_to(Answer(200, {}))
    async with opened as transport:
        with pytest.raises(Unavailable, match="out-of-time"):
            await transport.request("pay", "POST", "/payments", deadline=asyncio.get_running_loop().time())
    assert vendor.asked == []


async def test_cancelling_a_call_is_not_swallowed_and_frees_its_slot() -> None:
    async with misbehaving(keep_silent) as (url, _), line(url, timeout_s=5) as transport:
        for _ in range(3):  # one more than there are slots
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await transport.request("pay", "POST", "/payments")


async def test_the_correlation_id_travels_and_numbers_stay_exact() -> None:
    vendor, opened = line_to(Answer(200, b'{"value":0.1,"id":12345678901234567890123}'))
    token = correlation_id.set("cor-1")
    try:
        async with opened as transport:
            reply = await transport.request("pay", "POST", "/pay", json={"value": Decimal("0.00000001")})
    finally:
        correlation_id.reset(token)
    assert vendor.last.headers["x-correlation-id"] == "cor-1"
    assert vendor.last.path == "/base/pay"
    assert vendor.last.body == b'{"value":0.00000001}'
    assert reply.body == {"value": Decimal("0.1"), "id": 12345678901234567890123}


async def test_nothing_secret_is_logged_or_raised(logged: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    told, headers = {"code": f"no {SECRET}", "name": SECRET}, (("x-secret", SECRET), ("request-id", f"req {SECRET}"))
    with caplog.at_level(logging.DEBUG):
        async with misbehaving(drop) as (url, _), line(url) as transport:
            with pytest.raises(OutcomeUnknown) as lost:
                await transport.request("pay", "POST", f"/p/{SECRET}", params={"q": SECRET}, json={"card": SECRET})
        _, opened = line_to(Answer(400, told, headers))
        async with opened as transport:
            with pytest.raises(Declined) as declined:
                await transport.request("pay", "POST", f"/p/{SECRET}", params={"q": SECRET}, json={"card": SECRET})
    for raised in (lost.value, declined.value):
        assert raised.__cause__ is None
        assert SECRET not in f"{raised!r}{vars(raised)}"
    assert SECRET not in repr(logged) + caplog.text
    expected = {"provider", "operation", "method", "status", "reason", "duration_ms", "event", "log_level"}
    assert [set(entry) for entry in logged] == [expected, expected]


@pytest.mark.parametrize("text", ["", ".", "..", "x" * 256])
def test_an_id_that_could_leave_its_place_in_a_path_is_declined(text: str) -> None:
    with pytest.raises(Declined, match="malformed-id"):
        segment("acme", text)


def test_an_id_is_quoted_into_one_segment() -> None:
    assert segment("acme", "auth0|a/../b?c") == "auth0%7Ca%2F..%2Fb%3Fc"
