"""No request works for ever. One that only reads has then definitely done nothing; of any other nobody knows yet."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import OutcomeUnresolved, TimedOut
from app.middleware.state import state_of

REQUEST_S = 75.0
"""Longer than a vendor that is asked on the way may take."""


class Deadline:
    """Raises TimedOut for what only reads, else OutcomeUnresolved. An answer that has begun may take its time."""

    def __init__(self, app: ASGIApp, request_s: float = REQUEST_S) -> None:
        self._app = app
        self._request_s = request_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = asyncio.timeout(self._request_s)

        async def send_in_time(message: Message) -> None:
            if not limit.expired():
                limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                await self._app(scope, receive, send_in_time)
        except TimeoutError:
            if not limit.expired():
                raise
            refusal = TimedOut() if scope["method"] in {"GET", "HEAD"} else OutcomeUnresolved()
            state_of(scope).refusal = refusal
            raise refusal from None
