"""What the operator writes: tenants, providers, pipelines, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_ledger.call import Verbs, columns
from headrace_ledger.declared import Remaining, TenantRow
from headrace_ledger.edge import flaw
from headrace_ledger.errors import InvalidItemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_ledger.declared import PipelineRow, ProviderRow
    from headrace_ledger.edge import Record


class Rows(Verbs):
    """The operator's verbs; each applies a whole intent, and again changes nothing."""

    async def put_tenant(self, row: TenantRow) -> None:
        """Write a tenant and exactly these namespaces."""
        _refuse(row)
        await self._caller.rows(
            "put_tenant",
            row.tenant,
            row.uid,
            list(row.namespaces),
            row.stop_policy,
            row.weight,
        )

    async def delete_tenant(self, tenant: str, uid: str) -> None:
        """Remove a tenant, its keys and its namespaces, if it still is the one of this UID."""
        await self._caller.rows("delete_tenant", tenant, uid)

    async def tenants(self) -> list[TenantRow]:
        """Return every tenant."""
        rows = await self._caller.rows("tenants")
        return [TenantRow(t, uid, tuple(spaces), *rest) for t, uid, spaces, *rest in rows]

    async def put_provider(self, row: ProviderRow) -> None:
        """Write a model provider."""
        _refuse(row)
        await self._caller.rows("put_provider", row.name, row.uid, row.spec, row.digest)

    async def delete_provider(self, name: str, uid: str) -> None:
        """Remove a model provider, if it still is the one of this UID."""
        await self._caller.rows("delete_provider", name, uid)

    async def put_pipeline(self, row: PipelineRow) -> None:
        """Write a pipeline's version, steps and pools; a pool that is gone from it drains."""
        _refuse(row)
        _refuse_graph(row)
        await self._caller.rows(
            "put_pipeline",
            row.tenant,
            row.uid,
            row.namespace,
            row.name,
            row.generation,
            row.digest,
            row.compiled,
            row.service_account,
            row.service_account_uid,
            row.stop_policy,
            row.max_concurrent_runs,
            row.max_attempts,
            [row.backoff_initial_seconds, row.backoff_max_seconds],
            row.run_seconds,
            row.result_seconds,
            *columns(row.steps, "step", "type", "pool"),
            [",".join(step.depends_on) for step in row.steps],
            [step.timeout_seconds for step in row.steps],
            *columns(row.pools, "name", "concurrency_per_worker", "max_replicas", "scaled_object"),
            *columns(row.keys, "name", "limit", "on_exceed"),
        )

    async def drain_pipeline(self, uid: str, tenant: str) -> Remaining:
        """Hold at once, cancel what has had its 15 s or is not running; say what remains."""
        row = await self._caller.row("drain_pipeline", tenant, uid)
        return Remaining(0, 0) if row is None else Remaining(row[0], row[1])

    async def delete_pipeline(self, uid: str, tenant: str) -> None:
        """Leave no unfinished run, lease, pool or counter row."""
        await self._caller.rows("delete_pipeline", tenant, uid)

    async def pipeline_uids(self) -> list[tuple[str, str]]:
        """Return (tenant, UID) of every pipeline that is not deleted: what the resync compares."""
        return [(row[0], row[1]) for row in await self._caller.rows("pipeline_uids")]


def _refuse(row: Record) -> None:
    reason = flaw(row)
    if reason is not None:
        raise InvalidItemError(reason)


def _refuse_graph(row: PipelineRow) -> None:
    """Refuse a step that names an unknown pool or step: it would be lost, or never run."""
    _check_names("pool", {p.name for p in row.pools}, [s.pool for s in row.steps])
    _check_names("step", {s.step for s in row.steps}, [d for s in row.steps for d in s.depends_on])
    if not 1 <= len(row.steps) <= 64:  # noqa: PLR2004 -- a run's steps are the bits of a bigint
        message = "a pipeline has 1 to 64 steps"
        raise InvalidItemError(message)


def _check_names(kind: str, known: set[str], used: Sequence[str]) -> None:
    unknown = sorted(set(used) - known)
    if unknown:
        message = f"unknown {kind}: {', '.join(unknown)}"
        raise InvalidItemError(message)
