"""Where claims wait: woken by pool, joined into one statement, never served to who has gone."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any, Final

from headrace_gateway.batch import Batcher
from headrace_gateway.errors import UnavailableError
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_gateway.world import World
    from headrace_ledger.records import ClaimWish, LeaseRecord

TOGETHER: Final = 32


class Waiter:
    """A claim that waits; `claiming` while the ledger is asked for it."""

    __slots__ = ("answer", "claiming", "left", "wish")

    def __init__(self, wish: ClaimWish) -> None:
        self.wish = wish
        self.answer: asyncio.Future[list[LeaseRecord]] = asyncio.get_running_loop().create_future()
        self.claiming = False
        self.left = False

    def settle(self, leases: list[LeaseRecord]) -> None:
        if not self.answer.done():
            self.answer.set_result(leases)


class Desk:
    """Serves the oldest waiters of a pool first, a few at a time: one task must not wake a herd."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._batch: Batcher[ClaimWish, list[LeaseRecord]] = Batcher(world.ledger.claim)
        self._waiting: dict[int, OrderedDict[Waiter, None]] = defaultdict(OrderedDict)
        self._serving: dict[int, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._rings: Counter[int | None] = Counter()
        world.wakes.on_pools(self.wake)

    async def claim(
        self, wish: ClaimWish, seconds: float, gone: asyncio.Future[None]
    ) -> list[LeaseRecord]:
        """Return leases as soon as there are any; none after `seconds`, or when the caller went."""
        heard = self._heard(wish.pool_id)
        leases = (await self._batch.put([wish]))[0]
        if leases or seconds <= 0 or self._world.wakes.stopping.is_set():
            return leases
        if self._count >= self._world.options.claims_at_once:
            message = "Too many claims wait on this gateway; try again."
            raise UnavailableError(message)
        return await self._wait(Waiter(wish), seconds, gone, heard)

    def _heard(self, pool: int) -> int:
        """Return how often this pool may have become runnable so far."""
        return self._rings[pool] + self._rings[None]

    async def _wait(
        self, waiter: Waiter, seconds: float, gone: asyncio.Future[None], heard: int
    ) -> list[LeaseRecord]:
        pool = waiter.wish.pool_id
        self._waiting[pool][waiter] = None
        self._count += 1
        self._world.metrics.waiting.inc()
        stopping = asyncio.ensure_future(self._world.wakes.stopping.wait())
        if self._heard(pool) != heard:  # something may have become runnable since the claim
            self._look(pool)
        try:
            happens: set[asyncio.Future[Any]] = {waiter.answer, gone, stopping}
            await asyncio.wait(
                happens,
                timeout=seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            waiter.left = True
            if not waiter.answer.done() and not waiter.claiming:
                return []
            return await waiter.answer  # the ledger is being asked: what it gives is ours
        finally:
            waiter.left = True
            stopping.cancel()
            self._leave(pool, waiter)

    def _leave(self, pool: int, waiter: Waiter) -> None:
        self._count -= 1
        self._world.metrics.waiting.dec()
        waiters = self._waiting.get(pool)
        if waiters is not None:
            waiters.pop(waiter, None)
            if not waiters:
                del self._waiting[pool]

    def wake(self, pool_ids: Iterable[int] | None) -> None:
        """Serve the waiters of these pools, or of all."""
        woken = None if pool_ids is None else tuple(pool_ids)
        self._rings.update((None,) if woken is None else woken)
        for pool in tuple(self._waiting) if woken is None else woken:
            self._look(pool)

    def _look(self, pool: int) -> None:
        if pool not in self._waiting:
            return
        if pool in self._serving:
            self._serving[pool] = True  # woken while at it: look once more
            return
        self._serving[pool] = False
        task = asyncio.get_running_loop().create_task(self._serve(pool))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, pool: int) -> None:
        try:
            while await self._some(pool) or self._serving[pool]:
                self._serving[pool] = False
        except (LedgerError, UnavailableError):
            return  # they go on waiting: the safety poll, or the end of the outage, wakes them
        finally:
            del self._serving[pool]

    async def _some(self, pool: int) -> bool:
        """Ask for the oldest few; say whether all of them were served, so that more may be."""
        few = [
            waiter
            for waiter in self._waiting.get(pool, ())
            if not waiter.left and not waiter.answer.done()
        ][:TOGETHER]
        if not few:
            return False
        for waiter in few:
            waiter.claiming = True
        given: list[list[LeaseRecord]] = [[] for _ in few]
        try:
            given = await self._batch.put([waiter.wish for waiter in few])
        finally:
            for waiter, leases in zip(few, given, strict=True):
                waiter.claiming = False
                if leases or waiter.left:
                    waiter.settle(leases)
        return all(given)
