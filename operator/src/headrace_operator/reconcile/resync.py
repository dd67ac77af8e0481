"""List everything and compare: what a watch has missed is found here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from headrace_operator.model.resource import (
    CHILDREN,
    OURS,
    PIPELINES,
    PROVIDERS,
    SCALED_OBJECTS,
    TENANTS,
)
from headrace_operator.reconcile.cache import key_of, owner_of
from headrace_operator.reconcile.gather import gather_pipeline, judge_ahead, leaning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from headrace_operator.model.resource import (
        Key,
        Resource,
    )
    from headrace_operator.reconcile.world import World

log = logging.getLogger(__name__)


async def resync(world: World) -> None:
    """Compare cluster, cache and ledger; every difference makes a key due."""
    await compare_cluster(world)
    await compare_rows(world)


async def compare_cluster(world: World) -> None:
    """Compare what the API server lists with what is known."""
    for resource in (*OURS, *CHILDREN):
        if resource is not SCALED_OBJECTS or world.board.keda:
            await compare_objects(resource, world)


async def prime(world: World) -> None:
    """Learn everything there is, and make every key due once."""
    world.board.keda = await world.cluster.serves(SCALED_OBJECTS)
    # Tenants and providers make their pipelines due, which so come once and not twice.
    for resource in (*CHILDREN, TENANTS, PROVIDERS, PIPELINES):
        if resource is SCALED_OBJECTS and not world.board.keda:
            continue
        for body in await world.cluster.listing(resource):
            world.cache.saw(body)
            if resource in OURS:
                world.queue.add(key_of(body))
    # Who leans on whom is known before the first pass, so that no count begins at zero again.
    for key, _ in world.cache.of_kind(PIPELINES.kind):
        await judge_ahead(key, world)
        seen = gather_pipeline(key, world)
        if seen is not None:
            world.board.leans[key] = leaning(seen)


async def compare_objects(resource: Resource, world: World) -> None:
    """Act on an absence only when two lists agree: one of them may be old."""
    listed = await world.cluster.listing(resource)
    for body in listed:
        if world.cache.saw(body):
            _found(body, world)
    missing = _missing(resource, listed, world)
    if not missing:
        return
    still = _missing(resource, await world.cluster.listing(resource), world)
    for key, uid in missing.items():
        if still.get(key) == uid:
            last = world.cache.get(key)
            if last is not None and world.cache.lost(key, uid):
                _found(last, world)


async def compare_rows(world: World) -> None:
    """Remove rows whose object two lists lack; write those that should be there and are not."""
    ledger = world.ledger
    await _remove_former_tenants(world)
    await _compare(PIPELINES, ledger.pipelines, ledger.delete_pipeline, world, by_uid=True)
    await _compare(TENANTS, ledger.tenants, ledger.delete_tenant, world)
    await _compare(PROVIDERS, ledger.providers, ledger.delete_provider, world)


async def _remove_former_tenants(world: World) -> None:
    """Remove rows under a tenant that no longer holds the pipeline, where that failed before."""
    tenants = {
        entry.uid: (entry.body().get("status") or {}).get("tenant")
        for _, entry in world.cache.of_kind(PIPELINES.kind)
    }
    for tenant, uid in await world.ledger.pipelines():
        holder = tenants.get(uid)
        if holder and holder != tenant:
            await world.ledger.delete_pipeline(uid, tenant)


async def _compare(
    resource: Resource,
    rows: Callable[[], Awaitable[set[tuple[str, str]]]],
    delete: Callable[[str, str], Awaitable[None]],
    world: World,
    *,
    by_uid: bool = False,
) -> None:
    there = {uid: name for name, uid in await rows()}
    known = {entry.uid: key for key, entry in world.cache.of_kind(resource.kind)}
    for uid in known.keys() - there.keys():
        world.ledger.forget(uid)
        world.queue.add(known[uid])
    orphans = there.keys() - known.keys()
    if not orphans:
        return
    first = {one["metadata"]["uid"] for one in await world.cluster.listing(resource)}
    second = {one["metadata"]["uid"] for one in await world.cluster.listing(resource)}
    for uid in orphans - first - second:
        await (delete(uid, there[uid]) if by_uid else delete(there[uid], uid))
        world.metrics.resyncs.labels(resource.kind).inc()
        log.info("Rows without an object are removed.", extra={"kind": resource.kind, "uid": uid})


def _missing(resource: Resource, listed: list[dict[str, Any]], world: World) -> dict[Key, str]:
    uids = {one["metadata"]["uid"] for one in listed}
    return {
        key: entry.uid for key, entry in world.cache.of_kind(resource.kind) if entry.uid not in uids
    }


def _found(body: Mapping[str, Any], world: World) -> None:
    kind, namespace, name = key_of(body)
    world.metrics.resyncs.labels(kind).inc()
    extra = {"kind": kind, "namespace": namespace, "object": name}
    log.info("A resync found what a watch had missed.", extra=extra)
    world.queue.add(owner_of(body) or key_of(body))
