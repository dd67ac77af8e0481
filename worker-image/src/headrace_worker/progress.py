"""What a running step shows to those who watch: at most a few texts a second, and none for sure."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from headrace_contract.protocol import ProgressRequest
from headrace_worker.errors import DoorError
from headrace_worker.facts import facts

if TYPE_CHECKING:
    from headrace_contract.protocol import Lease
    from headrace_worker.world import World

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 0.25
MOST: Final = 16384


class Progress:
    """Sends in the background, one text at a time; what comes too soon is dropped."""

    def __init__(self, world: World, lease: Lease) -> None:
        self._world = world
        self._lease = lease
        self._sending: asyncio.Task[None] | None = None
        self._next = 0.0

    def tell(self, text: str) -> None:
        """Show a text if there is time for it; a step never waits for its watchers."""
        now = self._world.monotonic()
        if now < self._next or (self._sending and not self._sending.done()):
            return
        self._next = now + EVERY_SECONDS
        self._sending = asyncio.create_task(self._send(text[:MOST]))

    async def _send(self, text: str) -> None:
        request = ProgressRequest(task=self._lease.task, fence=self._lease.fence, text=text)
        try:
            await self._world.door.progress(request)
        except DoorError as exc:
            log.debug("Progress was lost.", extra={**facts(self._lease), "error": str(exc)})
