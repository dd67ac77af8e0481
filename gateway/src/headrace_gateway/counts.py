"""The ledger's counts, read once for all who ask within half a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_gateway.clock import Clock
    from headrace_ledger.records import PoolCounts


class Countable(Protocol):
    async def counts(self, pool_ids: Sequence[int] | None = None) -> Sequence[PoolCounts]: ...


class Counts:
    """One read shared by all; a read that fails is an error for all who waited, never a zero."""

    def __init__(self, ledger: Countable, clock: Clock, seconds: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._seconds = seconds
        self._known: dict[int, PoolCounts] = {}
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def all(self) -> list[PoolCounts]:
        await self._fresh()
        return list(self._known.values())

    async def of(self, pool_id: int) -> PoolCounts | None:
        await self._fresh()
        return self._known.get(pool_id)

    def stale(self) -> None:
        """Something happened: the next who asks reads again."""
        self._read_at = float("-inf")

    async def _fresh(self) -> None:
        if self._clock.monotonic() - self._read_at < self._seconds:
            return
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
            self._reading.add_done_callback(self._done)
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        asked_at = self._clock.monotonic()
        found = await self._ledger.counts()
        self._known = {counts.pool_id: counts for counts in found}
        self._read_at = asked_at

    def _done(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # read: whoever waited may have gone
