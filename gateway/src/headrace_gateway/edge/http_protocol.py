"""What only the protocol layer can do: limits of headers, and an answer in one write."""

from __future__ import annotations

import asyncio  # noqa: TC003 -- a base class of theirs is looked up in it
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace_gateway.edge.guard import HEADER_BYTES, full

HEADER_SECONDS: Final = 5.0
# Beyond what is refused with an answer, the connection is cut while the headers still come.
CUT_BYTES: Final = 2 * HEADER_BYTES

JOINED_BYTES: Final = 64 * 1024  # beyond, a copy costs more than a system call


class HeldHead:
    """
    The transport of one answer: its head leaves with the first piece of its body.

    uvicorn writes them one after the other, and the second system call is a tenth of a short
    request. A head that is not followed in the same turn of the loop, as of a stream, leaves alone.
    """

    __slots__ = ("_held", "_loop", "_transport", "_used")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._used = False

    def write(self, data: bytes) -> None:
        if not self._used:
            self._used = True
            self._held = data
            self._loop.call_soon(self._flush)
        elif self._held and len(data) <= JOINED_BYTES:
            joined, self._held = self._held + data, b""
            self._transport.write(joined)
        else:
            self._flush()
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)


class GuardedProtocol(HttpToolsProtocol):
    """Cuts a connection whose headers take too long or never end, and refuses one too many.

    Only the new connection is refused: uvicorn's own limit would refuse all of them at once.
    """

    most: int | None = None

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = False

    def connection_made(  # type: ignore[override]  # as theirs
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        if self.most is not None and len(self.connections) > self.most:
            self.app = full
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
        # Most headers come whole, in one read: then no clock is ever set.
        if self._in_headers and self._deadline is None:
            self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._header_bytes = 0
        self._unwatch()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._unwatch()
        super().on_headers_complete()
        if self.cycle is not None:  # it starts in the next turn, so it has written nothing
            self.cycle.transport = HeldHead(self.transport, self.loop)  # type: ignore[assignment]  # all that it uses of one

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
