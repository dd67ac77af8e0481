"""Everything that one pipeline should own: a value, the same for the same input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_contract.names import pipeline_name, pool_name
from headrace_operator.plan.config_map import compiled_map
from headrace_operator.plan.context import PoolContext
from headrace_operator.plan.deployment import deployment
from headrace_operator.plan.limits import pipeline_limits
from headrace_operator.plan.network import network_policy
from headrace_operator.plan.scaled_object import scaled_object
from headrace_operator.plan.service_account import service_account

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline
    from headrace_operator.plan.context import PipelineContext
    from headrace_operator.plan.limits import LimitsPlan
    from headrace_operator.plan.stamp import Manifest


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool, the object that scales for it, and how many workers there are without KEDA."""

    name: str
    concurrency_per_worker: int
    max_replicas: int
    workload: str
    """Name of its Deployment and of its ScaledObject."""
    fixed_replicas: int | None
    """None while KEDA owns the count."""


@dataclass(frozen=True, slots=True)
class LedgerPlan:
    """What the ledger is told of a pipeline."""

    compiled: CompiledPipeline
    service_account: str
    stop_policy: str
    pools: tuple[PoolPlan, ...]
    limits: LimitsPlan
    """What each run may use, and each step."""
    service_account_uid: str = ""
    """Not planned: what the API server gave it, known when the account is there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one pipeline should own, in the order in which it is applied."""

    ledger: LedgerPlan
    manifests: tuple[Manifest, ...]


def build_plan(ctx: PipelineContext) -> Plan:
    """Plan a pipeline that was accepted; a line per child."""
    pools = [_pool(ctx, index) for index in range(len(ctx.spec.pools))]
    wanted = (
        service_account(ctx),
        network_policy(ctx),
        compiled_map(ctx),
        *(deployment(pool) for pool in pools),
        *(scaled_object(pool) for pool in pools),
    )
    ledger = LedgerPlan(
        compiled=ctx.compiled,
        service_account=pipeline_name(ctx.pipeline.name),
        stop_policy=ctx.spec.stop_policy,
        pools=tuple(_pool_plan(pool) for pool in pools),
        limits=pipeline_limits(ctx.pipeline.uid, ctx.compiled.tenant, ctx.spec),
    )
    return Plan(ledger, tuple(manifest for manifest in wanted if manifest is not None))


def _pool(ctx: PipelineContext, index: int) -> PoolContext:
    return PoolContext(ctx, ctx.spec.pools[index], ctx.compiled.pools[index])


def _pool_plan(ctx: PoolContext) -> PoolPlan:
    scaling = ctx.pool.scaling
    return PoolPlan(
        name=ctx.pool.name,
        concurrency_per_worker=ctx.pool.concurrency_per_worker,
        max_replicas=scaling.max_replicas,
        workload=pool_name(ctx.whole.pipeline.name, ctx.pool.name),
        fixed_replicas=None if ctx.whole.keda else max(1, scaling.min_replicas),
    )
