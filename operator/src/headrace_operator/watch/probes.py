"""What the kubelet and Prometheus ask: alive, able to see, and the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import generate_latest

from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.model.resource import CHILDREN, OURS, SCALED_OBJECTS
from headrace_operator.watch.pulse import BLIND_AFTER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from headrace_operator.reconcile.lead import Leadership
    from headrace_operator.reconcile.world import World
    from headrace_operator.watch.pulse import Pulse


@dataclass(slots=True)
class Health:
    """What readiness is judged by; `primed` and `ledger` are set once, by start-up."""

    world: World
    pulse: Pulse
    leadership: Leadership
    ping: Callable[[], Awaitable[None]]
    primed: bool = False
    ledger: bool = False

    def wanted(self) -> list[str]:
        """Name the kinds that there should be a watch of."""
        keda = self.world.board.keda
        return [one.plural for one in (*OURS, *CHILDREN) if keda or one is not SCALED_OBJECTS]

    def oldest(self) -> float:
        """Return the age of the oldest watch that there should be."""
        return self.pulse.age(self.wanted())

    async def complaint(self) -> str | None:
        """Say why the operator is not ready, or nothing."""
        if not self.primed:
            return "the cluster has not been listed yet"
        if not self.ledger:
            return "the ledger has not answered yet, or its schema is too old"
        if not self.leadership.holds():
            return "the Lease is not held"
        if self.oldest() > BLIND_AFTER:
            return "a watch hears nothing"
        try:
            await self.ping()
        except (ReconcileError, GoneError):
            return "the API server does not answer"
        return None


def application(health: Health) -> web.Application:
    """Serve /healthz, /readyz and /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        # An answer proves that the event loop turns; a dependency that is away is no reason
        # to be restarted.
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        complaint = await health.complaint()
        return web.Response(text=f"{complaint or 'ok'}\n", status=503 if complaint else 200)

    async def metrics(_: web.Request) -> web.Response:
        measure(health)
        text = generate_latest(health.world.metrics.registry)
        return web.Response(body=text, content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
        ]
    )
    return app


def measure(health: Health) -> None:
    """Set the gauges that are only worth computing when somebody asks."""
    world = health.world
    world.metrics.queue_keys.set(world.queue.depth())
    world.metrics.queue_age.set(world.queue.age())
    for resource in (*OURS, *CHILDREN):
        world.metrics.objects.labels(resource.kind).set(world.cache.count(resource.kind))
    for path, age in health.pulse.ages().items():
        world.metrics.watch_age.labels(path.rsplit("/", 1)[-1]).set(age)
