"""The line to one vendor: its own connections, timeouts and limits, and the three words for whatever goes wrong.

The whole call, waiting and reading included, ends within ``timeout_s``: leases and quiet periods are built on that
bound. The httpx transport underneath is the only seam; tests put a tiny vendor behind it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import quote

import httpx2
import structlog

from app.plumbing.correlation import correlation_id
from app.providers import exact_json
from app.providers.circuit import Circuit
from app.providers.outcomes import Declined, ProviderOutcome, Unavailable, code_of, lost
from app.providers.replies import Reply

RESPONSE_BYTES_MAX = 2 * 1024 * 1024

READ_S_MAX = 10.0
"""A call that may be made again is given up sooner than one that may not: twice what Unit recommends for most calls.
Somebody waits for many of them, and whoever drives a saga asks again.
"""

_CONNECT_S_MAX = 5.0
_KEEPALIVE_S = 2.0
"""Shorter than servers keep idle connections (uvicorn: 5 s), or a POST meets one that is just being closed."""
_PAUSES_S = (0.05, 0.2)
"""Between the attempts of a safe call; two repeats at most."""
_SEGMENT_CHARACTERS_MAX = 255
_TROUBLED = 500
"""Statuses from here on are failures of the vendor's own."""
_NAME_HEADER = "request-id"
_SAFE_METHODS = frozenset({"GET"})
_LASTING = frozenset({"unauthorized", "circuit-open"})
"""Why a call is unavailable that the next attempt would hear again."""
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)

_log = structlog.get_logger()

for _chatty in ("httpx2", "httpcore2"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)  # they log URLs with their query strings


@dataclass(frozen=True, slots=True)
class _Call:
    operation: str
    method: str
    path: str
    params: Mapping[str, str] | None
    content: bytes | None
    headers: Mapping[str, str]
    safe: bool


class Transport:
    """HTTP with one vendor. ``error_code`` finds the vendor's code in an error body, None where it is not theirs.

    Without a ``circuit`` every call is made, however long the vendor has been silent.
    """

    def __init__(
        self,
        provider: str,
        *,
        base_url: str,
        timeout_s: float,
        error_code: Callable[[Any], object],
        headers: Mapping[str, str] | None = None,
        sign: Callable[[httpx2.Request], Mapping[str, str]] | None = None,
        concurrency: int = 32,
        read_s_max: float = READ_S_MAX,
        circuit: Circuit | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.provider = provider
        self._circuit = circuit
        self._timeout_s = timeout_s
        self._read_s = min(timeout_s, read_s_max)
        self._error_code = error_code
        self._sign = sign
        self._slots = asyncio.Semaphore(concurrency)
        connect_s = min(_CONNECT_S_MAX, timeout_s / 2)
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=httpx2.Timeout(timeout_s, connect=connect_s, pool=connect_s),
            limits=httpx2.Limits(
                max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=_KEEPALIVE_S
            ),
            transport=transport,
            trust_env=False,  # else a .netrc may replace our credentials, and a proxy variable reroute money
        )

    async def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
        accept: Collection[int] = (),
        deadline: float | None = None,
    ) -> Reply:
        """Make one call and return its answer: a success, or a status in ``accept``, which the adapter judges.

        ``operation`` names the call in logs. ``content`` is a body other than JSON, its type in ``headers``. ``safe``
        (default: whether it is a GET) says that repeating it does no harm: it is then tried up to three times while it
        is unavailable and time is left. ``deadline`` (default: a timeout from now, for a safe call ``read_s_max`` at
        most) is shared by the calls of an operation that needs several.
        Raises Declined, Unavailable or OutcomeUnknown.
        """
        safe = method in _SAFE_METHODS if safe is None else safe
        content = content if json is None else exact_json.dumps(json).encode()
        call = _Call(operation, method, path, params, content, _call_headers(headers, content), safe)
        deadline = self._ends_in(self._read_s if safe else self._timeout_s) if deadline is None else deadline
        await self._take_slot(deadline)
        try:
            return await self._attempt(call, deadline, accept)
        finally:
            self._slots.release()

    def refuses(self) -> bool:
        """Whether calls are refused here, because the vendor has been silent."""
        return self._circuit is not None and self._circuit.is_open

    def deadline(self) -> float:
        """When an operation that begins now has to be over, on the event loop's clock."""
        return self._ends_in(self._timeout_s)

    def _ends_in(self, duration_s: float) -> float:
        return asyncio.get_running_loop().time() + duration_s

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _take_slot(self, deadline: float) -> None:
        """Wait for a slot half of the time that is left, so that a call still has the other half to be answered in."""
        now = asyncio.get_running_loop().time()
        if deadline <= now:
            raise Unavailable(self.provider, "out-of-time")
        try:
            async with asyncio.timeout_at((now + deadline) / 2):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable(self.provider, "saturated") from None

    async def _attempt(self, call: _Call, deadline: float, accept: Collection[int]) -> Reply:
        for pause_s in _PAUSES_S if call.safe else ():
            try:
                return await self._exchange(call, deadline, accept)
            except Unavailable as refusal:
                wait_s = max(pause_s, refusal.retry_after_s or 0.0)
                in_time = asyncio.get_running_loop().time() + wait_s < deadline
                if refusal.reason in _LASTING or not in_time:
                    raise
                await asyncio.sleep(wait_s)
        return await self._exchange(call, deadline, accept)

    async def _exchange(self, call: _Call, deadline: float, accept: Collection[int]) -> Reply:
        if self._circuit is not None:
            self._circuit.admit()
        started = perf_counter()
        try:
            async with asyncio.timeout_at(deadline):
                reply = await self._send(call)
        except (httpx2.RequestError, TimeoutError, _Unintelligible) as failure:
            outcome = self._outcome_of(failure, safe=call.safe)
            self._note(call, None, started, outcome.reason)
            raise outcome from None  # the cause repeats the URL
        self._note(call, reply, started, reply.code)
        if reply.succeeded or reply.status in accept:
            return reply
        raise reply.refusal()

    async def _send(self, call: _Call) -> Reply:
        request = self._client.build_request(
            call.method, call.path, params=call.params, content=call.content, headers=call.headers
        )
        if self._sign is not None:
            request.headers.update(self._sign(request))
        response = await self._client.send(request, stream=True)
        try:
            content = await _bounded(response)
        finally:
            await response.aclose()
        return self._reply(call, response, content)

    def _reply(self, call: _Call, response: httpx2.Response, content: bytes) -> Reply:
        status = response.status_code
        try:
            body = exact_json.loads(content) if content else None
        except ValueError:
            if response.is_success:
                raise _Unintelligible("unintelligible") from None
            body = None
        found = None if response.is_success else self._error_code(body)
        code = None if found is None else code_of(found, f"http-{status}")
        return Reply(self.provider, call.safe, status, body, dict(response.headers), code)

    def _outcome_of(self, failure: Exception, *, safe: bool) -> ProviderOutcome:
        if isinstance(failure, _NOT_SENT):
            return Unavailable(self.provider, "unreachable")
        reason = failure.reason if isinstance(failure, _Unintelligible) else "no-answer"
        return lost(self.provider, reason, safe=safe)

    def _note(self, call: _Call, reply: Reply | None, started: float, reason: str | None) -> None:
        status = None if reply is None else reply.status
        if self._circuit is not None:
            self._circuit.heard(well=status is not None and status < _TROUBLED)
        _log.info(
            "provider call",
            provider=self.provider,
            operation=call.operation,
            method=call.method,
            status=status,
            reason=reason,
            duration_ms=round((perf_counter() - started) * 1000, 1),
            **_named(reply),
        )


class _Unintelligible(Exception):
    """An answer came, but nobody can read it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _named(reply: Reply | None) -> dict[str, str]:
    """The vendor's own name for an exchange, where it gives one: it is what its support asks for."""
    name = "" if reply is None else code_of(reply.headers.get(_NAME_HEADER), "")
    return {"vendor_request_id": name} if name else {}


def segment(provider: str, text: str) -> str:
    """The text as one segment of a path. One that could climb out of its place is Declined before anything is sent."""
    if text in {"", ".", ".."} or len(text) > _SEGMENT_CHARACTERS_MAX:
        raise Declined(provider, "malformed-id")
    return quote(text, safe="")


def _call_headers(given: Mapping[str, str] | None, content: bytes | None) -> dict[str, str]:
    headers = {} if content is None else {"Content-Type": "application/json"}
    headers.update(given or {})
    if correlation := correlation_id.get():
        headers["X-Correlation-ID"] = correlation
    return headers


async def _bounded(response: httpx2.Response) -> bytes:
    """The decoded body, abandoned as soon as it exceeds the bound: a small gzip may hide a large one."""
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > RESPONSE_BYTES_MAX:
            raise _Unintelligible("response-too-large")
    return bytes(content)
