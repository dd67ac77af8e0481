"""An ASGI app on a loopback port of this process, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import uvicorn

_LOOK: Final = 0.005
_GRACE: Final = 2


class ServerDidNotStartError(RuntimeError):
    """The app refused to start; its own error is in the log."""


class _Guest(uvicorn.Server):
    """A server that leaves the signals of its process to whoever owns it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, or say that it did not; the server would end the whole process."""
        try:
            await super().startup(sockets)
        except SystemExit as exc:
            msg = "the server ended before it had started"
            raise ServerDidNotStartError(msg) from exc


@asynccontextmanager
async def serving(
    app: Any, *, host: str = "127.0.0.1", port: int = 0, stop: Callable[[], None] | None = None
) -> AsyncIterator[str]:
    """
    Serve the app and say where; on the way out, end its connections politely.

    `stop` has the app end what waits: the server asks for that only when nothing is open any more.
    """
    listener = socket.create_server((host, port))
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",  # a stream that is cut on demand is no error of this process
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Guest(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if running.done():
                running.result()
            await asyncio.sleep(_LOOK)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        if stop is not None:
            stop()
        server.should_exit = True
        await asyncio.wait([running])
        listener.close()
