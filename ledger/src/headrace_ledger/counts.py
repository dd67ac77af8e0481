"""What is asked across tenants: pools, counters, providers, who holds a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_ledger.call import Verbs, columns
from headrace_ledger.declared import (
    PipelineRecord,
    PoolCounts,
    PoolRecord,
    ProviderRow,
    UsualCall,
    WorkersLimit,
)
from headrace_ledger.records import Drift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_ledger.declared import WorkersGrant


class Counts(Verbs):
    """Look-ups and the scale signal; each is a definer function, known by name to a test."""

    async def counts(self, pool_ids: Sequence[int] | None = None) -> list[PoolCounts]:
        """Return the kept counters of these pools, or of all, and what bounds their workers."""
        rows = await self._caller.rows("scale_signal", None if pool_ids is None else list(pool_ids))
        return [PoolCounts(*row) for row in rows]

    async def workers_limited(self) -> list[WorkersLimit]:
        """Return the tenants whose workers are limited, or were until now."""
        rows = await self._caller.rows("workers_limited")
        return [WorkersLimit(t, limited, most, tuple(pools)) for t, limited, most, pools in rows]

    async def put_workers(self, tenant: str, grants: Sequence[WorkersGrant]) -> list[int]:
        """Write how a tenant's workers are divided; return the pools for which that is news."""
        rows = columns(grants, "pool_id", "asked", "share", "granted")
        changed: list[int] = await self._caller.value("put_workers", tenant, *rows)
        return changed

    async def put_feed(
        self, tenant: str, pool_id: int, workers: int | None, by: str | None
    ) -> None:
        """Write how many workers of a pool its limits can feed, and by which of them."""
        await self._caller.rows("put_feed", tenant, pool_id, workers, by)

    async def usual_calls(self, tenant: str, pipeline_id: int) -> list[UsualCall]:
        """Return what a call of each step usually takes; nothing of a step without any."""
        rows = await self._caller.rows("usual_calls", tenant, pipeline_id)
        return [UsualCall(*row) for row in rows]

    async def audit(self) -> list[Drift]:
        """Count, and return the pools whose kept counters differ: none, ever."""
        rows = await self._caller.rows("audit")
        return [Drift(t, p, tuple(kept), tuple(counted)) for t, p, kept, counted in rows]

    async def pools(self) -> list[PoolRecord]:
        """Return every pool of every tenant."""
        return [PoolRecord(*row) for row in await self._caller.rows("pools")]

    async def pipeline(self, namespace: str, name: str) -> PipelineRecord | None:
        """Return what is needed to accept a run; the tenant is the one that holds the namespace."""
        row = await self._caller.row("pipeline", namespace, name)
        return None if row is None else PipelineRecord(*row)

    async def version(self, tenant: str, digest: str) -> str | None:
        """Return the compiled pipeline of a digest."""
        found: str | None = await self._caller.value("version", tenant, digest)
        return found

    async def tenant_of(self, namespace: str) -> str | None:
        """Return the tenant that holds a namespace."""
        found: str | None = await self._caller.value("tenant_of", namespace)
        return found

    async def tenant_exists(self, tenant: str) -> bool:
        """Say whether there is such a tenant."""
        return bool(await self._caller.value("tenant_exists", tenant))

    async def provider(self, name: str) -> ProviderRow | None:
        """Return a model provider."""
        row = await self._caller.row("provider", name)
        return None if row is None else ProviderRow(*row)

    async def providers(self) -> list[ProviderRow]:
        """Return all model providers."""
        return [ProviderRow(*row) for row in await self._caller.rows("provider", None)]
