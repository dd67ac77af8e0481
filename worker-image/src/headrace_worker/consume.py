"""The worker: claims as many steps as it has free slots, runs them, hands the results in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

from headrace_worker.beat import Beat
from headrace_worker.chain import Chains
from headrace_worker.claim import Claims
from headrace_worker.drain import drain
from headrace_worker.means import Means
from headrace_worker.steps.children import Children
from headrace_worker.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from headrace_contract.protocol import Lease
    from headrace_worker.profile import Profile
    from headrace_worker.world import World

log = logging.getLogger(__name__)

T = TypeVar("T")
SPARE_SECONDS: Final = 0.2  # of the hand-back time, kept for the cancelled to end


class Worker:
    """
    One worker of one pool.

    `await worker.run()` returns after `worker.drain()` (called in the same event loop), when
    every running step has ended or was handed back.
    """

    def __init__(self, profile: Profile, world: World) -> None:
        means = Means.of(profile, world)
        self.vitals = Vitals(world.monotonic)
        self._profile = profile
        self._claims = Claims(means)
        self._children = Children(world.environ)
        self._beat = Beat(profile, world.door.heartbeat, world.rng, self._turn)
        self._draining = asyncio.Event()
        self._chains = Chains(means, self._beat, self._children, self._draining.is_set)
        self._running: set[asyncio.Task[None]] = set()

    @property
    def answered(self) -> asyncio.Event:
        """Set once the gateway has answered a claim: what could wait until then may start."""
        return self._claims.answered

    def drain(self) -> None:
        """Claim nothing more; `run` ends when the running steps have ended or are handed back."""
        if not self._draining.is_set():
            log.info("Draining.", extra={"running": len(self._running)})
        self._draining.set()

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._beat.start()
        try:
            await self._claim_until_drained()
            lost = await drain(
                self._running,
                self._chains.interrupt,
                grace=self._profile.drain_seconds,
                hand_back=max(0, self._profile.hand_back_seconds - SPARE_SECONDS),
            )
            log.info("Drained.", extra={"lost": lost})
        finally:
            self._beat.stop()
            for chain in self._running:
                chain.cancel()
            self._chains.close()
            self._children.close()

    async def _claim_until_drained(self) -> None:
        drained = asyncio.create_task(self._draining.wait())
        try:
            while not drained.done():
                free = self._profile.concurrency - len(self._running)
                if free > 0:
                    # A slot that comes free does not cut a long poll short: it has one already.
                    self._start(await _unless(drained, self._claims.next(free)) or [])
                    self.vitals.ready = self.answered.is_set()
                else:
                    waited = {drained, *self._running}
                    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()

    def _start(self, leases: list[Lease]) -> None:
        for lease in leases:
            chain = asyncio.create_task(self._chains.carry(lease))
            self._running.add(chain)
            chain.add_done_callback(self._running.discard)

    def _turn(self) -> None:
        """Ask the event loop to say that it lives; called in the beat's thread."""
        with contextlib.suppress(RuntimeError):  # it has closed, and so has nothing to say
            self._loop.call_soon_threadsafe(self.vitals.turned)


async def _unless(over: asyncio.Task[Any], work: Coroutine[None, None, T]) -> T | None:
    """Do the work unless the other ends first: then it is broken off, and there is nothing."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({over, task}, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        task.cancel()
