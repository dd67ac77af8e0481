"""Deadlines and limits that only the protocol layer can keep: slow and endless headers."""

from __future__ import annotations

import asyncio  # noqa: TC003 -- a base class of theirs is looked up in it
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace_gateway.edge.guard import HEADER_BYTES

HEADER_SECONDS: Final = 5.0
# Beyond what is refused with an answer, the connection is cut while the headers still come.
CUT_BYTES: Final = 2 * HEADER_BYTES


class GuardedProtocol(HttpToolsProtocol):
    """Cuts a connection whose headers take too long or never end."""

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = False

    def connection_made(  # type: ignore[override]  # as theirs
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.cycle is None:
            self._watch()
        if self._in_headers:
            self._header_bytes += len(data)
            # A body may lie in the same bytes, so only what exceeds one read's worth is judged.
            if self._header_bytes > CUT_BYTES + len(data):
                self._cut()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._header_bytes = 0
        self._watch()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._unwatch()
        super().on_headers_complete()

    def _watch(self) -> None:
        self._unwatch()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._cut)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self, *_: Any) -> None:
        self._unwatch()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()
