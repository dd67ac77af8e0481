"""Port 8081: alive, ready, and metrics; not for clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from headrace_gateway.errors import GatewayError
from headrace_ledger.errors import LedgerError, LedgerUnavailableError

if TYPE_CHECKING:
    from starlette.requests import Request

    from headrace_gateway.counts import Counts
    from headrace_gateway.world import World

CHECK_SECONDS: Final = 2.0
_STATES: Final = ("runnable", "running", "parked", "dead")


class Health:
    """Alive is about this process alone; ready is about the ledger too."""

    def __init__(self, world: World, counts: Counts) -> None:
        self._world = world
        self._counts = counts

    def app(self) -> Router:
        return Router(
            [
                Route("/healthz", self.alive),
                Route("/readyz", self.ready),
                Route("/metrics", self.metrics),
            ]
        )

    async def alive(self, request: Request) -> Response:  # noqa: ARG002 -- a route's signature
        return PlainTextResponse("ok")

    async def ready(self, request: Request) -> Response:  # noqa: ARG002 -- a route's signature
        if self._world.wakes.stopping.is_set():
            return PlainTextResponse("stopping", 503)
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._world.ledger.check()
        except TimeoutError:
            return PlainTextResponse(LedgerUnavailableError.__name__, 503)
        except LedgerError as exc:
            return PlainTextResponse(type(exc).__name__, 503)
        return PlainTextResponse("ok")

    async def metrics(self, request: Request) -> Response:  # noqa: ARG002 -- a route's signature
        gauge = self._world.metrics.tasks
        try:
            counts = await self._counts.all()
        except (LedgerError, GatewayError):
            gauge.clear()  # unknown is absent, not what it was
        else:
            gauge.clear()
            for each in counts:
                for state in _STATES:
                    names = (each.tenant, each.namespace, each.pipeline, each.pool, state)
                    gauge.labels(*names).set(getattr(each, state))
        return Response(
            self._world.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
        )
