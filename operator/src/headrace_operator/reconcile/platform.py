"""One pass over what the platform team writes: an AgentTenant or a ModelProvider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from headrace_operator.errors import ReconcileError
from headrace_operator.model.tenancy import Tenant
from headrace_operator.plan.limits import provider_limits, tenant_limits
from headrace_operator.plan.prices import priced
from headrace_operator.plan.stamp import digest
from headrace_operator.reconcile.gather import (
    gather_provider,
    gather_tenant,
    pipelines_in,
    tenants,
)
from headrace_operator.reconcile.measure import enforce
from headrace_operator.reconcile.passes import Pass
from headrace_operator.reconcile.provide import provide
from headrace_operator.reconcile.teardown import tear_down_tenant
from headrace_operator.reconcile.tell import tell
from headrace_operator.status.platform import assess_provider, assess_tenant

if TYPE_CHECKING:
    from headrace_operator.model.resource import Key
    from headrace_operator.model.seen import ProviderSeen, TenantSeen
    from headrace_operator.reconcile.world import World

LIMITS: Final = {"weight", "limits", "budgets"}
"""What the ledger alone is told of: it means nothing to a pipeline's objects."""


async def reconcile_tenant(key: Key, world: World) -> Pass:
    """Tell the ledger which namespaces a tenant holds, and its pipelines what it grants."""
    seen = gather_tenant(key, world)
    if seen is None:
        _pass_on_tenant(key, None, world)
        world.board.usages.pop(key, None)
        world.board.spends.pop(key, None)
        return Pass()
    _pass_on_tenant(key, seen, world)
    if seen.identity.deleted_at is not None:
        return await tear_down_tenant(seen, world)
    failure: ReconcileError | None = None
    try:
        await _put_tenant(seen, world)
    except ReconcileError as exc:
        failure = exc
    seen = replace(seen, usages=world.board.usages.get(key), spend=world.board.spends.get(key))
    status = assess_tenant(seen, failure, world.now())
    return Pass(await tell(seen.identity, seen.status, status, world), failure)


async def reconcile_provider(key: Key, world: World) -> Pass:
    """Tell the ledger where a provider is, and its pipelines what it serves."""
    seen = gather_provider(key, world)
    _pass_on_provider(key, seen, world)
    if seen is None:
        world.board.usages.pop(key, None)
        uid = world.board.rows.get(key)
        if uid is not None:
            await world.ledger.delete_provider(key.name, uid)
            del world.board.rows[key]
        return Pass()
    failure: ReconcileError | None = None
    offered = None if seen.spec is None else priced(seen.spec, world.now())
    if offered is not None and seen.identity.deleted_at is None:
        try:
            await world.ledger.put_provider(seen.identity, offered.offer)
            world.board.rows[key] = seen.identity.uid
            await enforce(key, provider_limits(seen.identity, seen.spec), world)
        except ReconcileError as exc:
            failure = exc
    seen = replace(seen, usages=world.board.usages.get(key))
    status = assess_provider(seen, offered, failure, world.now())
    return Pass(await tell(seen.identity, seen.status, status, world), failure)


async def _put_tenant(seen: TenantSeen, world: World) -> None:
    if seen.spec is None:
        return
    if not seen.identity.finalized:
        body = await world.cluster.finalize(seen.identity, present=True)
        if body is None:
            return
        world.cache.saw(body)
    await world.ledger.put_tenant(Tenant(seen.identity, seen.spec), seen.held)
    await enforce(seen.identity.key, tenant_limits(seen.identity, seen.spec), world)
    await provide(Tenant(seen.identity, seen.spec), seen.held, world)


def _pass_on_tenant(key: Key, seen: TenantSeen | None, world: World) -> None:
    """Make due whoever hangs on a tenant, if what it means to them has changed."""
    going = seen is None or seen.identity.deleted_at is not None
    spec = seen.spec if seen else None
    meant = spec.model_dump(mode="json", exclude=LIMITS) if spec else None
    mark = digest([going, meant, seen and seen.held])
    if world.board.grants.get(key) == mark:
        return
    claims = frozenset(spec.namespaces) if spec else frozenset()
    before = world.board.holds.get(key, frozenset())
    if seen is None:
        world.board.grants.pop(key, None)
        world.board.holds.pop(key, None)
    else:
        world.board.grants[key] = mark
        world.board.holds[key] = claims
    concerned = claims | before
    for tenant in tenants(world):
        if tenant.identity.key != key and concerned & set(tenant.spec.namespaces):
            world.queue.add(tenant.identity.key)
    for pipeline in pipelines_in(set(concerned), world):
        world.queue.add(pipeline)


def _pass_on_provider(key: Key, seen: ProviderSeen | None, world: World) -> None:
    spec = seen.spec if seen else None
    mark = digest(spec.model_dump(mode="json", exclude=LIMITS) if spec else None)
    if world.board.grants.get(key) == mark:
        return
    if seen is None:
        world.board.grants.pop(key, None)
    else:
        world.board.grants[key] = mark
    for pipeline, leans in world.board.leans.items():
        if key in leans:
            world.queue.add(pipeline)
