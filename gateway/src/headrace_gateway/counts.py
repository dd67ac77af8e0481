"""The ledger's counts, read once for all who ask within half a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_gateway.clock import Clock
    from headrace_ledger.declared import PoolCounts


class Countable(Protocol):
    async def counts(self, pool_ids: Sequence[int] | None = None) -> Sequence[PoolCounts]: ...


FLOOR_SECONDS: Final = 0.02  # between two reads, however often somebody says that it is time


class Counts:
    """One read shared by all; a read that fails is an error for all who waited, never a zero."""

    def __init__(self, ledger: Countable, clock: Clock, seconds: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._seconds = seconds
        self._known: dict[int, PoolCounts] = {}
        self._read_at = float("-inf")
        self._stale_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def all(self) -> list[PoolCounts]:
        await self._fresh()
        return list(self._known.values())

    async def of(self, pool_id: int) -> PoolCounts | None:
        await self._fresh()
        return self._known.get(pool_id)

    def stale(self) -> None:
        """Something happened: what was read before is not good any more."""
        self._stale_at = self._clock.monotonic()

    def _is_fresh(self) -> bool:
        young = self._clock.monotonic() - self._read_at < self._seconds
        return young and self._read_at > self._stale_at

    async def _fresh(self) -> None:
        """Read, if what is known is old; what began before something happened does not count."""
        while not self._is_fresh():
            own = self._reading is None
            if self._reading is None:
                self._reading = asyncio.get_running_loop().create_task(self._read())
                self._reading.add_done_callback(self._done)
            await asyncio.shield(self._reading)
            if own:
                return

    async def _read(self) -> None:
        wait = self._read_at + FLOOR_SECONDS - self._clock.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        asked_at = self._clock.monotonic()
        found = await self._ledger.counts()
        self._known = {counts.pool_id: counts for counts in found}
        self._read_at = asked_at

    def _done(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # read: whoever waited may have gone
