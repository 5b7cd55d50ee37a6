"""What tells a browser to trust an answer with nothing: this is an API, and no page of anybody's.

After the OWASP REST security cheat sheet. No origin is allowed to read an answer (there is no CORS header at all), so a
browser keeps every other site's scripts out.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVERYWHERE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
)
_UNLESS_SAID = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""What a route may say otherwise for itself: a page has a style of its own, a public key may be kept for a while."""


class SecurityHeaders:
    """Adds them to every answer, those of the layers further in too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                unsaid = (header for header in _UNLESS_SAID if header[0] not in said)
                message["headers"] = [*message["headers"], *_EVERYWHERE, *unsaid]
            await send(message)

        await self._app(scope, receive, send_closed if scope["type"] == "http" else send)
