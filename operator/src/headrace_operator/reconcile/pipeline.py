"""One pass over an AgentPipeline: gather, judge, plan, apply, tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from headrace_contract.names import LABEL_POOL
from headrace_contract.reasons import ConditionType, Reason
from headrace_operator.apply.execute import Children, execute, mend, prune
from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.model.observed import cannot_start, workers_of
from headrace_operator.model.resource import DEPLOYMENTS
from headrace_operator.model.tenancy import holder
from headrace_operator.plan.build import build_plan
from headrace_operator.plan.context import PipelineContext
from headrace_operator.plan.judge import judge
from headrace_operator.plan.network import closed_policy
from headrace_operator.plan.stamp import Owner
from headrace_operator.reconcile.gather import gather_pipeline, judge_ahead, leaning, tenants
from headrace_operator.reconcile.passes import Pass
from headrace_operator.reconcile.teardown import tear_down_pipeline
from headrace_operator.reconcile.tell import sooner, tell
from headrace_operator.status.assess import assess
from headrace_operator.status.checks import SCALER_GRACE
from headrace_operator.status.conditions import condition
from headrace_operator.status.outcome import Outcome

if TYPE_CHECKING:
    from headrace_operator.model.resource import Key
    from headrace_operator.model.seen import PipelineSeen
    from headrace_operator.plan.build import Plan
    from headrace_operator.plan.judge import Judgement
    from headrace_operator.reconcile.world import World

LOOK_AT_STARTING: Final = timedelta(seconds=10)
LOOK_AT_STUCK: Final = timedelta(seconds=30)
LOOK_AT_DRAINING: Final = timedelta(seconds=5)


async def reconcile_pipeline(key: Key, world: World) -> Pass:
    """Make one pass; a failure ends in the status as well, and is due again."""
    await judge_ahead(key, world)
    seen = gather_pipeline(key, world)
    if seen is None:
        _forget(key, world)
        return Pass()
    if seen.identity.deleted_at is not None:
        return await tear_down_pipeline(seen, world)
    judgement = judge(seen)
    _lean(key, seen, world)
    children = Children(seen.children)
    outcome = await _carry_out(seen, judgement, children, world)
    seen = replace(seen, children=tuple(children.all()))
    outcome = replace(outcome, kubelet=await _kubelet(seen, world))
    status = assess(seen, judgement, outcome, world.now())
    wait = await tell(seen.identity, seen.status, status, world)
    return Pass(sooner(wait, _look_again(status, outcome)), outcome.failure)


async def _carry_out(
    seen: PipelineSeen, judgement: Judgement, children: Children, world: World
) -> Outcome:
    """Apply the plan of what is accepted; what is refused leaves all but open doors as it was."""
    if judgement.compiled is None or seen.spec is None or seen.tenant is None:
        return Outcome(await _close(seen, children, world))
    plan = build_plan(
        PipelineContext(
            site=world.site,
            pipeline=seen.identity,
            spec=seen.spec,
            compiled=judgement.compiled,
            keda=seen.keda,
            account=seen.tenant.spec.isolation.service_account,
        )
    )
    draining: tuple[str, ...] = ()
    failure: ReconcileError | None = None
    try:
        if not await _finalized(seen, world):
            return Outcome()
        try:
            await execute(plan, children, world.cluster, world.ledger)
        finally:
            for body in children.written:
                world.cache.saw(body)
        await _leave_former_tenant(seen, judgement, world)
        draining = await _prune(plan, children, seen, world)
    except ReconcileError as exc:
        failure = exc
    return Outcome(failure, draining)


async def _close(seen: PipelineSeen, children: Children, world: World) -> ReconcileError | None:
    """
    Close what the last good spec opened, if the tenant is Strict by now.

    Whoever holds the namespace decides, not the tenant that the refused spec names.
    """
    tenant = holder(seen.identity.namespace or "", tenants(world))
    if tenant is None or not tenant.spec.isolation.strict or not seen.children:
        return None
    policy = closed_policy(world.site, Owner(seen.identity, tenant.name))
    try:
        await mend(policy, children, world.cluster)
    except ReconcileError as exc:
        return exc
    for body in children.written:
        world.cache.saw(body)
    return None


async def _finalized(seen: PipelineSeen, world: World) -> bool:
    """Put our finalizer on before there is anything outside of the cluster; False if it is gone."""
    if seen.identity.finalized:
        return True
    body = await world.cluster.finalize(seen.identity, present=True)
    if body is not None:
        world.cache.saw(body)
    return body is not None


async def _prune(
    plan: Plan, children: Children, seen: PipelineSeen, world: World
) -> tuple[str, ...]:
    """Delete what left the plan, and name the pools that may not go yet."""
    wanted = {pool.name for pool in plan.ledger.pools}
    former = {
        pool
        for body in children.all()
        if (pool := (body["metadata"].get("labels") or {}).get(LABEL_POOL)) and pool not in wanted
    }
    draining: set[str] = set()
    if former:
        pipeline = seen.identity
        draining = former & await world.ledger.draining(pipeline.namespace or "", pipeline.name)
    await prune(plan, children, draining, world.cluster)
    return tuple(sorted(draining))


async def _leave_former_tenant(seen: PipelineSeen, judgement: Judgement, world: World) -> None:
    """Remove the rows under the tenant that held the namespace before."""
    former = seen.status.get("tenant")
    if former and judgement.compiled and former != judgement.compiled.tenant:
        await world.ledger.delete_pipeline(seen.identity.uid, former)


async def _kubelet(seen: PipelineSeen, world: World) -> str | None:
    """Ask why workers do not start, once they have been starting for a while."""
    before = condition(seen.status, ConditionType.WORKERS_AVAILABLE)
    workers = [workers_of(one) for one in seen.children if one["kind"] == DEPLOYMENTS.kind]
    waiting = any(one.desired > 0 and one.ready == 0 for one in workers)
    if not waiting or before is None or before["status"] == "True":
        return None
    try:
        pods = await world.cluster.pods(seen.identity.namespace or "", seen.identity.name)
    except (ReconcileError, GoneError):
        return None  # the condition then says only that they are starting
    return cannot_start(pods)


def _look_again(status: dict[str, object], outcome: Outcome) -> timedelta | None:
    """Say when time alone may change the verdict."""
    waits: list[timedelta | None] = [LOOK_AT_DRAINING if outcome.draining else None]
    workers = condition(status, ConditionType.WORKERS_AVAILABLE)
    if workers and workers["reason"] == Reason.WORKERS_STARTING.value:
        waits.append(LOOK_AT_STARTING)
    if workers and workers["reason"] == Reason.WORKERS_CANNOT_START.value:
        waits.append(LOOK_AT_STUCK)
    scaler = condition(status, ConditionType.SCALER_READY)
    if scaler and scaler["status"] == "Unknown":
        waits.append(SCALER_GRACE + timedelta(seconds=1))
    return sooner(*waits)


def _lean(key: Key, seen: PipelineSeen, world: World) -> None:
    """Let tenant and providers count anew, in their time, when what a pipeline leans on changed."""
    leans = leaning(seen)
    before = world.board.leans.get(key, frozenset())
    world.board.leans[key] = leans
    for other in before ^ leans:
        world.queue.again(other, world.between_counts)


def _forget(key: Key, world: World) -> None:
    for other in world.board.leans.pop(key, frozenset()):
        world.queue.again(other, world.between_counts)
    world.board.written.pop(key, None)
    known = {entry.uid for _, entry in world.cache.of_kind(key.kind)}
    for uid in world.board.judged.keys() - known:
        del world.board.judged[uid]
