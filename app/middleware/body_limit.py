"""No request is read beyond its limit, whether it says its length or comes in chunks."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooLarge
from app.middleware.state import state_of

REQUEST_BYTES_MAX = 64 * 1_024
LARGE_REQUEST_BYTES_MAX = 1_024 * 1_024

_LARGE = ("/webhooks/", "/v1/admin/transfers/batch")
"""Templates, or how they begin, of what is larger: vendors' events, and batches of a thousand."""


class BodyLimit:
    """Raises TooLarge: at once where Content-Length tells, else at the chunk that goes too far."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bytes_max = _bytes_max(scope)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isascii() or not length.isdecimal() or int(length) > bytes_max:
            raise TooLarge(bytes_max)
        bytes_read = 0

        async def receive_counting() -> Message:
            nonlocal bytes_read
            message = await receive()
            bytes_read += len(message.get("body", b""))
            if bytes_read > bytes_max:
                raise TooLarge(bytes_max)
            return message

        await self._app(scope, receive_counting, send)


def _bytes_max(scope: Scope) -> int:
    route = state_of(scope).route
    return LARGE_REQUEST_BYTES_MAX if route and route.template.startswith(_LARGE) else REQUEST_BYTES_MAX
