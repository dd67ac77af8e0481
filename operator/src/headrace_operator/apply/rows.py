"""A plan in the ledger's words; it takes no client, so that `headrace dev` says it likewise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_ledger.declared import EdgeRow, KeyRow, LimitRow, LimitSet, PipelineRow, PoolRow

if TYPE_CHECKING:
    from headrace_operator.plan.build import LedgerPlan
    from headrace_operator.plan.limits import LimitsPlan


def pipeline_row(plan: LedgerPlan) -> PipelineRow:
    """Say a plan in the ledger's words."""
    compiled = plan.compiled
    return PipelineRow(
        tenant=compiled.tenant,
        uid=compiled.uid,
        namespace=compiled.namespace,
        name=compiled.name,
        generation=compiled.generation,
        digest=compiled.digest,
        compiled=compiled.model_dump_json(),
        service_account=plan.service_account,
        service_account_uid=plan.service_account_uid,
        stop_policy=plan.stop_policy,
        steps=tuple(
            EdgeRow(step.name, step.type, step.pool, tuple(step.depends_on), step.timeout_seconds)
            for step in compiled.steps
        ),
        pools=tuple(
            PoolRow(pool.name, pool.concurrency_per_worker, pool.max_replicas, pool.workload)
            for pool in plan.pools
        ),
        max_attempts=compiled.retry.max_attempts,
        backoff_initial_seconds=compiled.retry.initial_seconds,
        backoff_max_seconds=compiled.retry.max_seconds,
        max_concurrent_runs=compiled.max_concurrent_runs,
        run_seconds=compiled.run_seconds,
        result_seconds=compiled.result_seconds,
        keys=tuple(KeyRow(key.name, key.limit, key.on_exceed) for key in compiled.keys),
    )


def limit_set(plan: LimitsPlan) -> LimitSet:
    """Say limits in the ledger's words."""
    rows = tuple(
        LimitRow(
            name=limit.name,
            resource=limit.resource,
            window=limit.window,
            capacity=limit.capacity,
            zone=limit.zone,
            enforced=limit.enforced,
            spec=limit.spec,
            cohort=limit.cohort,
            borrowing=limit.borrowing,
            lending=limit.lending,
        )
        for limit in plan.limits
    )
    return LimitSet(plan.tenant, plan.owner, plan.digest, rows)
