"""The ledger's counts, read together by those who ask together, and again after half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from headrace_gateway.batch import Batcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_gateway.clock import Clock
    from headrace_ledger.declared import PoolCounts


class Countable(Protocol):
    async def counts(self, pool_ids: Sequence[int] | None = None) -> Sequence[PoolCounts]: ...


class Counts:
    """Only pools that somebody asks for are read, however many there are.

    A read that fails is an error for all who waited, never a zero.
    """

    def __init__(self, ledger: Countable, clock: Clock, seconds: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._seconds = seconds
        self._known: dict[int, tuple[float, PoolCounts]] = {}
        self._stale_at: dict[int, float] = {}
        self._reads: Batcher[int, PoolCounts | None] = Batcher(self._read)

    async def all(self) -> list[PoolCounts]:
        return list(await self._ledger.counts())

    async def of(self, pool_id: int) -> PoolCounts | None:
        """Return a pool's counts, at most half a second old and no older than its last change."""
        known = self._known.get(pool_id)
        if known is not None and self._clock.monotonic() - known[0] < self._seconds:
            return known[1]
        # What is put now is read by a statement that has not begun yet.
        return (await self._reads.put([pool_id]))[0]

    async def of_all(self, pool_ids: Sequence[int]) -> dict[int, PoolCounts]:
        """Read these pools now, for their next look as well."""
        found = zip(pool_ids, await self._read(pool_ids), strict=True)
        return {pool_id: counts for pool_id, counts in found if counts is not None}

    def stale(self, pool_id: int) -> None:
        """Something happened: what was read before, or is being read, is not good any more."""
        self._known.pop(pool_id, None)
        self._stale_at[pool_id] = self._clock.monotonic()

    async def _read(self, pool_ids: Sequence[int]) -> list[PoolCounts | None]:
        asked_at = self._clock.monotonic()
        found = {each.pool_id: each for each in await self._ledger.counts(sorted(set(pool_ids)))}
        for pool_id in pool_ids:
            self._keep(pool_id, asked_at, found.get(pool_id))
        return [found.get(pool_id) for pool_id in pool_ids]

    def _keep(self, pool_id: int, asked_at: float, counts: PoolCounts | None) -> None:
        if counts is None:
            self._known.pop(pool_id, None)
        elif asked_at > self._stale_at.get(pool_id, float("-inf")):
            self._stale_at.pop(pool_id, None)
            self._known[pool_id] = (asked_at, counts)
