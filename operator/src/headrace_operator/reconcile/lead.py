"""Whether we are (still) the operator: nothing is written while nobody can say so."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from headrace_operator.errors import GoneError, NotLeadingError, ReconcileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from headrace_operator.metrics import Metrics

log = logging.getLogger(__name__)


class Lease(Protocol):
    """Where the epoch is kept."""

    @property
    def epoch(self) -> int: ...
    async def take(self, now: datetime) -> None: ...
    async def renew(self, now: datetime) -> None: ...
    async def release(self) -> None: ...


class Leadership:
    """
    Renews the Lease; passes wait while it may have run out.

    An operator that was stopped and wakes up finds its own clock past the Lease, and must renew
    before it writes: if another one has begun a new epoch, the renewal fails and the process ends.
    """

    def __init__(
        self, lease: Lease, seconds: float, clock: Callable[[], float], metrics: Metrics
    ) -> None:
        self._lease = lease
        self._seconds = seconds
        self._clock = clock
        self._gauge = metrics.leading
        self._until = 0.0
        self._renewed = asyncio.Condition()

    def holds(self) -> bool:
        return self._clock() < self._until

    async def wait(self) -> None:
        """Wait until the Lease is surely ours."""
        if self.holds():
            return
        async with self._renewed:
            await self._renewed.wait_for(self.holds)

    async def take(self, now: Callable[[], datetime]) -> None:
        """Become the operator, as the last one that started."""
        asked = self._clock()
        await self._lease.take(now())
        await self._hold(asked)
        log.info("We are the operator.", extra={"epoch": self._lease.epoch})

    async def keep(self, now: Callable[[], datetime]) -> None:
        """Renew for ever; raise NotLeadingError when another operator has taken over."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            asked = self._clock()
            try:
                await self._lease.renew(now())
            except NotLeadingError:
                self._until = 0.0
                self._gauge.set(0)
                raise
            except GoneError:
                await self._lease.take(now())
            except ReconcileError as exc:
                log.warning("The Lease could not be renewed.", extra={"told": str(exc)})
                continue
            await self._hold(asked)

    async def leave(self) -> None:
        """Give the Lease back, if that is still possible."""
        self._until = 0.0
        self._gauge.set(0)
        try:
            await self._lease.release()
        except (ReconcileError, GoneError):
            return

    async def _hold(self, asked: float) -> None:
        # Counted from before the request: it may have taken long.
        self._until = asked + self._seconds
        self._gauge.set(1)
        async with self._renewed:
            self._renewed.notify_all()
