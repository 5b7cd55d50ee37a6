"""Connections that end without an answer, as they do in real life.

uvicorn has no word for this, so its protocol is extended by one: the connection's own ``abort`` travels in the ASGI
scope. Without it (another server) a response is begun and never finished, which a client sees as a broken one too.
"""

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ABORT = "sandbox.abort"


class DroppingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, whose connections an application may abort."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope.setdefault("extensions", {})[_ABORT] = {"abort": self.transport.abort}


async def drop(scope: Scope, receive: Receive, send: Send) -> None:
    """End the connection without an answer."""
    extension = scope.get("extensions", {}).get(_ABORT)
    if extension is None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        return
    extension["abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass
