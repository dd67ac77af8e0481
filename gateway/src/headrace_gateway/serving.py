"""Ports: clients, health, scaler; opened in this order, and left politely."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from headrace_gateway.edge.http_protocol import GuardedProtocol
from headrace_gateway.scaler import serve_scaler

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from headrace_gateway.app import App

IDLE_SECONDS: Final = 60
BACKLOG: Final = 2048


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen."""

    host: str
    clients: int
    metrics: int
    scaler: int
    connections: int


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handlers: three servers share one life."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # theirs is a generator
        return nullcontext()


def server(app: Any, host: str, port: int, grace: float, most: int | None = None) -> QuietServer:
    protocol = type("Protocol", (GuardedProtocol,), {"most": most})
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=int(grace),
        backlog=BACKLOG,
    )
    return QuietServer(config)


async def serve(
    app: App, ports: Ports, stop: asyncio.Event, *, linger: float, grace: float
) -> None:
    """Serve until `stop` is set; then tell everybody, linger, and let streams run out."""
    clients = server(app, ports.host, ports.clients, grace, ports.connections)
    health = server(app.health.app(), ports.host, ports.metrics, 1)
    async with app.background():
        scaler, _ = await serve_scaler(app.scaler, f"{ports.host}:{ports.scaler}")
        running = [asyncio.ensure_future(each.serve()) for each in (clients, health)]
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({stopped, *running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            app.stop()  # not ready any more; long polls answered, streams of events closed
            await asyncio.wait(running, timeout=linger)
            clients.should_exit = True
            await asyncio.wait({running[0]}, timeout=grace)
            health.should_exit = True
            await scaler.stop(1.0)
            await asyncio.gather(*running)
            stopped.cancel()
