"""One line per request: which route, by whom, how it ended, how long it took. No query, header or body."""

from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.state import state_of

_log = structlog.get_logger()
_DROPPED = 499
"""No answer was begun: the caller went away, or the process is stopping."""

Observe = Callable[[str, str, int, float], None]
"""Told the method, the route's template, the status and the seconds."""


def unobserved(_method: str, _route: str, _status: int, _duration_s: float) -> None:
    """Nobody wants to be told."""


class AccessLog:
    """Outside the layer that answers unexpected errors, so that it sees their status too."""

    def __init__(self, app: ASGIApp, observe: Observe = unobserved) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _DROPPED
        started = perf_counter()

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            self._write(scope, status, perf_counter() - started)

    def _write(self, scope: Scope, status: int, duration_s: float) -> None:
        state = state_of(scope)
        method = state.route.method if state.route else "-"
        route = state.route.template if state.route else "-"
        self._observe(method, route, status, duration_s)
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(duration_s * 1_000, 1),
            user_id=state.principal.user_id if state.principal else None,
            tenant=state.principal.tenant if state.principal else None,
        )
