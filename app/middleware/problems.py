"""Turns what the layers further in raise into an answer; the last resort for what nobody expected."""

from collections.abc import Callable

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import WalletError
from app.middleware.state import state_of

_log = structlog.get_logger()


class Problems:
    """Renders refusals of the layers inside it, and answers 500 without internals for anything else.

    The log gets the error's type and where it happened. Its message stays out: messages quote values.
    """

    def __init__(self, app: ASGIApp, render: Callable[[Exception], Response]) -> None:
        self._app = app
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noting_start)
        except Exception as error:  # noqa: BLE001 - the last resort is for all of them
            if not isinstance(error, WalletError):
                _report(scope, error)
            if not started:
                await self._render(error)(scope, receive, send)


def _report(scope: Scope, error: Exception) -> None:
    route = state_of(scope).route
    _log.error(
        "unexpected error",
        exc_info=error,
        route=route.template if route else "-",
    )
