"""What a simulated vendor is, and the gate every call to one passes: log, identity, fault dial, operation."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.sandbox import exact_json
from app.sandbox.agenda import Move
from app.sandbox.drops import drop
from app.sandbox.faults import DROPPING, Fault
from app.sandbox.simulation import Simulation
from app.sandbox.store import StoreFailure
from app.sandbox.webhooks import Sender

BODY_BYTES_MAX = 1_000_000
RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body; None for no body at all."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An operation's refusal, in the vendor's own format; nothing of the operation is kept."""

    def __init__(self, status: int, body: Any, **headers: str) -> None:
        super().__init__(f"refused with {status}")
        self.answer = Answer(body, status, headers)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a vendor, read in full."""

    operation: str
    request: Request
    body: bytes
    declined: bool = False
    """The fault dial says that the vendor refuses this for a business reason."""

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def header(self, name: str) -> str:
        return self.request.headers.get(name, "")

    def json(self) -> Any:
        """The parsed body, ``{}`` when there is none. Raises ValueError."""
        return exact_json.read(self.body) if self.body else {}


@dataclass(frozen=True, slots=True)
class Operation:
    """A call that a vendor offers. The name is what the fault dial and the call log know it by."""

    name: str
    method: str
    path: str
    do: Callable[[Call], Awaitable[Answer]]
    declines: bool = False
    """It says its own business no; otherwise the vendor's general one is given."""

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A simulated third party, as data: a new one is a new file that builds one of these."""

    name: str
    operations: Sequence[Operation]
    refuse: Callable[[int, str], Refusal]
    """The vendor's error format, for what is no business matter: 404, 405, 413, 429, 500."""
    decline: Callable[[Call], Refusal]
    authenticate: Callable[[Call], None]
    """Raises Refusal."""
    idempotency_key: Callable[[Call], str | None] = lambda _call: None
    remember_failure: Callable[[Call, Answer], Awaitable[None]] | None = None
    """Keeps an internal error under the call's key, where the vendor does."""
    media_type: str = "application/json"
    sender: Sender | None = None
    moves: Mapping[str, Move] = field(default_factory=dict)
    book: Callable[[], Awaitable[Mapping[str, Any]]]
    collections: Mapping[str, Sequence[str]]
    """Where it keeps its state, each with its indexes."""
    lasting: frozenset[str] = frozenset()
    """Collections that outlive a reset."""
    seed: Callable[[], Awaitable[None]] | None = None
    """What is there before anyone calls; run at every start and after a reset, so it looks first."""
    desk: APIRouter | None = None
    """Its own endpoints under ``/control/<name>``."""


def application(vendor: Vendor, simulation: Simulation) -> Starlette:
    """The vendor's ASGI application, to be mounted under its name."""

    async def refuse_route(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _rendered(vendor.refuse(status, "There is no such endpoint.").answer, vendor)

    return Starlette(
        routes=[
            Route(operation.path, Gate(vendor, operation, simulation), methods=[operation.method])
            for operation in vendor.operations
        ],
        exception_handlers={404: refuse_route, 405: refuse_route},
    )


class Gate:
    """The one way into an operation, as an ASGI application."""

    def __init__(self, vendor: Vendor, operation: Operation, simulation: Simulation) -> None:
        self._vendor = vendor
        self._operation = operation
        self._simulation = simulation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = Call(self._operation.name, request, await _read(request))

        async def end_connection() -> None:
            await drop(scope, receive, send)

        answer = await self._logged(call, end_connection)
        if answer is not None:
            await _rendered(answer, self._vendor)(scope, receive, send)

    async def _logged(self, call: Call, end_connection: Callable[[], Awaitable[None]]) -> Answer | None:
        calls = self._simulation.calls
        logged = calls.begin(
            vendor=self._vendor.name,
            operation=call.operation,
            correlation_id=call.request.headers.get("x-correlation-id"),
            idempotency_key=self._idempotency_key(call),
        )
        refused = self._unwelcome(call)
        fault = None if refused else await self._simulation.faults.take(self._vendor.name, call.operation)
        answer = refused or await self._play(call, fault, end_connection)
        calls.end(logged, status=answer.status if answer else None, fault=fault.kind if fault else None)
        return None if fault and fault.kind in DROPPING else answer

    def _unwelcome(self, call: Call) -> Answer | None:
        if len(call.body) > BODY_BYTES_MAX:
            return self._vendor.refuse(413, "The body is too large.").answer
        try:
            self._vendor.authenticate(call)
        except Refusal as refusal:
            return refusal.answer
        return None

    async def _play(
        self, call: Call, fault: Fault | None, end_connection: Callable[[], Awaitable[None]]
    ) -> Answer | None:
        """The answer as the fault dial has it; None when nothing was done."""
        match fault.kind if fault else None:
            case "error":
                return await self._failed(call)
            case "rate_limit":
                return self._limited()
            case "decline":
                return await self._do(replace(call, declined=True))
        if fault is None:
            return await self._do(call)
        return await self._play_slowly(call, fault, end_connection)

    async def _play_slowly(
        self, call: Call, fault: Fault, end_connection: Callable[[], Awaitable[None]]
    ) -> Answer | None:
        if fault.kind == "late":
            await end_connection()
        answer = await self._do(call) if fault.kind == "timeout_after" else None
        await asyncio.sleep(fault.delay_s)
        if fault.kind in {"late", "slow"}:
            answer = await self._do(call)
        if fault.kind in {"timeout_before", "timeout_after"}:
            await end_connection()
        return answer

    async def _failed(self, call: Call) -> Answer:
        answer = self._vendor.refuse(500, "An internal error occurred.").answer
        if self._operation.writes and self._vendor.remember_failure is not None:
            await self._vendor.remember_failure(call, answer)
        return answer

    async def _do(self, call: Call) -> Answer:
        """The operation's answer, given once all that it tells of is kept."""
        try:
            answer = await self._answer(call)
            await self._simulation.store.settled()
        except StoreFailure:
            return self._vendor.refuse(500, "The simulator's database does not answer.").answer
        return answer

    async def _answer(self, call: Call) -> Answer:
        try:
            if call.declined and not self._operation.declines:
                raise self._vendor.decline(call)
            if self._operation.writes:
                return await self._simulation.store.atomically(lambda: self._operation.do(call))
            return await self._operation.do(call)
        except Refusal as refusal:
            return refusal.answer

    def _limited(self) -> Answer:
        answer = self._vendor.refuse(429, "Too many requests.").answer
        return replace(answer, headers={**answer.headers, "Retry-After": str(RETRY_AFTER_S)})

    def _idempotency_key(self, call: Call) -> str | None:
        try:
            return self._vendor.idempotency_key(call)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None  # the operation itself refuses an unreadable body


async def _read(request: Request) -> bytes:
    """The body, up to one byte more than is accepted."""
    chunks = bytearray()
    async for chunk in request.stream():
        if len(chunks) <= BODY_BYTES_MAX:
            chunks += chunk
    return bytes(chunks[: BODY_BYTES_MAX + 1])


def _rendered(answer: Answer, vendor: Vendor) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=dict(answer.headers))
    content = exact_json.write(answer.body)
    return Response(content, answer.status, dict(answer.headers), media_type=vendor.media_type)
