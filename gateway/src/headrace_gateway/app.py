"""The gateway as one ASGI application, from what it is given to what it serves."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.routing import Router

from headrace_gateway.alive import live
from headrace_gateway.counts import Counts
from headrace_gateway.divider import Divider
from headrace_gateway.edge.answers import json_answer
from headrace_gateway.edge.guard import Guard
from headrace_gateway.edge.route import route
from headrace_gateway.feeding import Feeding
from headrace_gateway.health import Health
from headrace_gateway.identity.key_routes import KeyRoutes
from headrace_gateway.listener import listen
from headrace_gateway.metrics import Metrics
from headrace_gateway.models.draining import Draining
from headrace_gateway.models.route import ModelRoute
from headrace_gateway.models.watch import Calls
from headrace_gateway.openapi import document
from headrace_gateway.options import Options
from headrace_gateway.pools import PoolBook, Versions
from headrace_gateway.runs.deltas import Deltas
from headrace_gateway.runs.routes import run_routes
from headrace_gateway.scaler import Scaler
from headrace_gateway.sweeper import Sweeper
from headrace_gateway.wake import Wakes
from headrace_gateway.webhooks.deliverer import Deliverer
from headrace_gateway.work.routes import WorkRoutes
from headrace_gateway.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from headrace_gateway.clock import Chance, Clock
    from headrace_gateway.identity.caller import Identity
    from headrace_gateway.identity.key_use import KeyUse
    from headrace_gateway.models.ports import SecretReader, Upstream
    from headrace_gateway.webhooks.deliverer import Sender
    from headrace_ledger.client import Ledger


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the gateway needs from outside. Who composes it also closes what is handed in."""

    ledger: Ledger
    identity: Identity
    secrets: SecretReader
    upstream: Upstream
    clock: Clock
    chance: Chance = os.urandom
    options: Options = field(default_factory=Options)
    pools: PoolBook | None = None
    key_use: KeyUse | None = None
    sender: Sender | None = None
    """The way to webhooks; without one they are told nothing."""


class App:
    """ASGI; its lifespan runs what works in the background."""

    def __init__(self, gateway: Gateway) -> None:
        wakes = Wakes(gateway.ledger)
        options = gateway.options
        draining = Draining(gateway.ledger, gateway.clock, options.park_seconds)
        self.world = World(
            ledger=gateway.ledger,
            identity=gateway.identity,
            secrets=gateway.secrets,
            upstream=gateway.upstream,
            clock=gateway.clock,
            chance=gateway.chance,
            wakes=wakes,
            pools=gateway.pools or PoolBook(gateway.ledger, gateway.clock),
            versions=Versions(gateway.ledger, gateway.clock),
            deltas=Deltas(),
            calls=Calls(gateway.ledger, draining, options.fence_check_seconds),
            options=options,
            metrics=Metrics(),
        )
        wakes.on_runs(self.world.calls.happened)
        counts = Counts(gateway.ledger, gateway.clock, options.counts_seconds)
        self.scaler = Scaler(self.world, counts, Feeding(self.world))
        self._key_use = gateway.key_use
        self._sender = gateway.sender
        self.health = Health(self.world, counts)
        self.routes = [
            *run_routes(self.world),
            *WorkRoutes(self.world).routes(),
            *ModelRoute(self.world).routes(),
            *KeyRoutes(self.world).routes(),
            route("GET", "/openapi.json", openapi),
        ]
        router = Router(self.routes, redirect_slashes=False, lifespan=self._lifespan)
        self._serve: ASGIApp = Guard(router, self.world.metrics, options.requests_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(scope, receive, send)

    def stop(self) -> None:
        """Answer what waits and end the streams of events; model streams go on."""
        self.world.wakes.stop()
        self.scaler.stop()

    def _deliverer(self, sender: Sender) -> Deliverer:
        world = self.world
        return Deliverer(world.ledger, world.secrets, sender, world.clock, world.metrics)

    @asynccontextmanager
    async def _lifespan(self, _: object) -> AsyncIterator[None]:
        async with self.background():
            yield

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        """Sweep, listen and watch while the block runs."""
        world = self.world
        sweeper = Sweeper(world.ledger, world.wakes, world.clock, world.metrics, world.options)
        every = world.options.sweep_seconds
        divider = Divider(world.ledger, world.pools, world.wakes, world.clock, every)
        works = [
            live(world.ledger),
            sweeper.run(),
            divider.run(),
            listen(world.ledger, world.wakes),
            world.calls.watch(),
        ]
        if self._key_use is not None:
            works.append(self._key_use.run())
        if self._sender is not None:
            works.append(self._deliverer(self._sender).run(world.options.webhook_seconds))
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            yield
        finally:
            self.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def openapi(request: Request) -> Response:  # noqa: ARG001 -- a route's signature
    return json_answer(document(version("headrace-gateway")))


def build_app(gateway: Gateway) -> App:
    return App(gateway)
