"""What ran out: leases, timeouts, parks, results. Every gateway tries; the ledger lets one in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from headrace_contract.names import LEASE_SECONDS
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from headrace_gateway.clock import Clock
    from headrace_gateway.metrics import Metrics
    from headrace_gateway.options import Options
    from headrace_gateway.wake import Wakes
    from headrace_ledger.declared import Swept

MOST_TURNS: Final = 20  # batches of one tick, so that one backlog cannot hold the loop


class Sweepable(Protocol):
    async def sweep(self, *, after_gap: bool = False) -> Swept: ...


class Sweeper:
    """Ticks every second; after a gap it expires nothing until the workers had time to beat."""

    def __init__(
        self, ledger: Sweepable, wakes: Wakes, clock: Clock, metrics: Metrics, options: Options
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._wakes = wakes
        self._clock = clock
        self._metrics = metrics
        self._every = options.sweep_seconds
        self._gap = options.sweep_gap_seconds
        self._last = float("-inf")
        self._lenient_until = float("-inf")
        self._log = structlog.get_logger("headrace.gateway")
        self._failing = False

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(self._every)

    async def tick(self) -> None:
        """Make one turn. Only a turn that the ledger answered counts as one."""
        lenient_until = self.lenient_until()
        try:
            for _ in range(MOST_TURNS):
                after_gap = self._clock.monotonic() < lenient_until
                swept = await self._ledger.sweep(after_gap=after_gap)
                self._told(swept)
                if not swept.more:
                    break
        except LedgerError as exc:
            if not self._failing:
                self._log.warning("The ledger cannot be swept.", error=type(exc).__name__)
            self._failing = True
            return
        self._failing = False
        self._last = self._clock.monotonic()
        self._lenient_until = lenient_until

    def lenient_until(self) -> float:
        """Say until when no lease may run out, since workers could not renew them.

        A gateway that has just started knows of no gap, so it takes for granted that there was one.
        """
        now = self._clock.monotonic()
        if now - self._last > self._every + self._gap:
            return now + LEASE_SECONDS
        return self._lenient_until

    def _told(self, swept: Swept) -> None:
        self._wakes.tell(swept.pool_ids)
        for what in ("expired", "timed_out", "unparked", "deleted_runs"):
            self._metrics.sweeps.labels(what).inc(getattr(swept, what))
