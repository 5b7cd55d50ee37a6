"""uvicorn's fast HTTP protocol, with the two bounds that its parser lacks: a request's head in bytes, and in time.

Without them a head of 10 MB is read, and a client that sends one byte a minute keeps its connection for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 32 * 1_024
HEAD_S_MAX = 10.0


class BoundedHead(HttpToolsProtocol):
    """Answers 400 to a head that is too long, and closes on one that takes too long."""

    head_s_max = HEAD_S_MAX
    _reading_head = True
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._reading_head:
            self._head_bytes += len(data)
            self._start_timer()
        super().data_received(data)
        if self._reading_head and self._head_bytes > HEAD_BYTES_MAX:
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        self._reading_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._reading_head = True
        self._head_bytes = 0
        super().on_response_complete()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_s_max, self._too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._reading_head and not self.transport.is_closing():
            self.transport.close()
