"""One id per request, given by the caller or made here, in every answer and every log line."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ids import new_id
from app.plumbing.correlation import correlation_id

HEADER = "X-Correlation-ID"

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


class Correlation:
    """Outermost, so that even the answer of a broken layer carries the id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get(HEADER, "")
        current = offered if _ACCEPTED.fullmatch(offered) else new_id("cor")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = current
            await send(message)

        token = correlation_id.set(current)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            correlation_id.reset(token)
