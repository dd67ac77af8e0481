"""A step that is claimed and about to call its model, for tests of the model endpoint."""

from __future__ import annotations

from contextlib import asynccontextmanager

from gateway_provider import Provider, refuse
from gateway_scene import listening, scene


@asynccontextmanager
async def calling(ledger_server, *script, fallback=(), **how):
    """Serve a scene whose first step is claimed; yield scene, provider, and the slot's key."""
    first, second = Provider(*script), Provider(*(fallback or [refuse(500)]))
    async with listening(first) as one, listening(second) as two:
        urls = [one, two] if fallback else [one]
        async with scene(ledger_server, urls, **how) as door:
            await door.run_id()
            (lease,) = await door.claim("m-1")
            door.lease = lease
            door.fallback = second
            yield door, first, door.key("m-1")
