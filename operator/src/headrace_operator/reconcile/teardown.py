"""Our finalizer: the ledger's rows go first, within a time-box that nothing can stretch."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from headrace_operator.errors import ReconcileError, RunsInFlightError
from headrace_operator.plan.judge import judge
from headrace_operator.reconcile.gather import pipelines_in
from headrace_operator.reconcile.passes import Pass
from headrace_operator.reconcile.tell import tell
from headrace_operator.status.assess import assess_deletion
from headrace_operator.status.outcome import Blocked
from headrace_operator.status.platform import assess_tenant

if TYPE_CHECKING:
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.seen import PipelineSeen, TenantSeen
    from headrace_operator.reconcile.world import World

TIME_BOX: Final = timedelta(seconds=27)
"""Then the finalizer goes, whatever remains; the resync removes the rows. Promised are 30 s."""
LOOK_AGAIN: Final = timedelta(seconds=1)


async def tear_down_pipeline(seen: PipelineSeen, world: World) -> Pass:
    """Hold, drain, remove the rows, let go; say what is waited for."""
    pipeline = seen.identity
    if not pipeline.finalized:
        return Pass()  # nothing outside of the cluster is left, or ever was
    blocked = await _clear(seen, world)
    if blocked is None:
        await _let_go(pipeline, world)
        return Pass()
    status = assess_deletion(seen, judge(seen), blocked, world.now())
    await tell(pipeline, seen.status, status, world)
    return Pass(LOOK_AGAIN)


async def _clear(seen: PipelineSeen, world: World) -> Blocked | None:
    """Remove a pipeline's rows as far as it goes; None when nothing more is to be waited for."""
    pipeline = seen.identity
    tenant = seen.status.get("tenant") or (seen.tenant.name if seen.tenant else None)
    if tenant is None or pipeline.skip_cleanup:
        return None
    try:
        running, unfinished = await world.ledger.drain_pipeline(pipeline.uid, tenant)
        if (running or unfinished) and not _is_over(pipeline, world):
            return Blocked(running, unfinished)
        await world.ledger.delete_pipeline(pipeline.uid, tenant)
    except ReconcileError as exc:
        return None if _is_over(pipeline, world) else Blocked(failure=exc)
    return None


async def tear_down_tenant(seen: TenantSeen, world: World) -> Pass:
    """Remove a tenant's rows, its pipelines' first: without a tenant they serve nobody."""
    tenant = seen.identity
    if not tenant.finalized:
        return Pass()
    failure: ReconcileError | None = None
    if not tenant.skip_cleanup:
        try:
            await _clear_pipelines(tenant, world)
            await world.ledger.delete_tenant(tenant.name, tenant.uid)
        except ReconcileError as exc:
            failure = exc
    if failure is None or _is_over(tenant, world):
        await _let_go(tenant, world)
        return Pass()
    await tell(tenant, seen.status, assess_tenant(seen, failure, world.now()), world)
    for key in pipelines_in(set(seen.held), world):
        world.queue.add(key)
    return Pass(LOOK_AGAIN)


async def _clear_pipelines(tenant: Identity, world: World) -> None:
    """Drain every pipeline of a tenant; raise RunsInFlightError while one is still at work."""
    running = unfinished = 0
    for name, uid in sorted(await world.ledger.pipelines()):
        if name != tenant.name:
            continue
        steps, runs = await world.ledger.drain_pipeline(uid, name)
        if (steps or runs) and not _is_over(tenant, world):
            running, unfinished = running + steps, unfinished + runs
            continue
        await world.ledger.delete_pipeline(uid, name)
    if running or unfinished:
        msg = f"{running} steps of its pipelines run, {unfinished} runs are not finished."
        raise RunsInFlightError(msg)


async def _let_go(identity: Identity, world: World) -> None:
    body: dict[str, Any] | None = await world.cluster.finalize(identity, present=False)
    if body is None:
        world.cache.lost(identity.key, identity.uid)
        world.queue.add(identity.key)
    else:
        world.cache.saw(body)


def _is_over(identity: Identity, world: World) -> bool:
    since = identity.deleted_at
    return since is not None and world.now() - since >= TIME_BOX
