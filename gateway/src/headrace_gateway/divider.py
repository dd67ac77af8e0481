"""Divides the workers of tenants that have a limit of them, once a second, on every gateway."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from headrace_gateway.division import Ask, ask, divide
from headrace_ledger.declared import WorkersGrant
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_gateway.clock import Clock
    from headrace_gateway.pools import PoolBook
    from headrace_gateway.wake import Wakes
    from headrace_ledger.declared import PoolCounts, WorkersLimit

TURN_SECONDS: Final = 60
"""How long a pool has its turn, where there are fewer workers than pools with work."""


class Divisible(Protocol):
    """What is read and written of the ledger here."""

    async def workers_limited(self) -> Sequence[WorkersLimit]: ...
    async def counts(self, pool_ids: Sequence[int] | None = None) -> Sequence[PoolCounts]: ...
    async def put_workers(self, tenant: str, grants: Sequence[WorkersGrant]) -> list[int]: ...


class Divider:
    """All gateways come to the same division; each is written at once, by whoever is first."""

    def __init__(
        self, ledger: Divisible, pools: PoolBook, wakes: Wakes, clock: Clock, every: float
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._pools = pools
        self._wakes = wakes
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            with suppress(LedgerError):  # the sweep tells of a ledger that is away
                await self.tick()
            await asyncio.sleep(self._every)

    async def tick(self) -> None:
        """Divide anew, and wake those for whom that is news."""
        tenants = await self._ledger.workers_limited()
        if not tenants:
            return
        pools = {pool.pool_id: pool for pool in await self._pools.all()}
        turn = int(self._clock.now().timestamp()) // TURN_SECONDS
        for tenant in tenants:
            counts = {one.pool_id: one for one in await self._ledger.counts(tenant.pool_ids)}
            # A pool that is too young to be known gets nothing yet, rather than all that it wants.
            asks = [
                ask(counts[pool], pools[pool])
                if pool in counts and pool in pools
                else Ask(pool, 0, 0)
                for pool in tenant.pool_ids
            ]
            if tenant.limited:
                grants = divide(tenant.most, asks, turn)
            else:
                grants = [WorkersGrant(pool, None, None, None) for pool in tenant.pool_ids]
            self._wakes.tell(await self._ledger.put_workers(tenant.tenant, grants))
