"""Carry out a plan in its order; what already is as wanted costs nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from headrace_contract.names import LABEL_POOL
from headrace_operator.apply.trim import count_is_ours
from headrace_operator.errors import ClusterUnavailableError, GoneError, ReconcileError
from headrace_operator.model.resource import DEPLOYMENTS, SCALED_OBJECTS, resource_of
from headrace_operator.plan.match import matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from headrace_operator.model.resource import Resource
    from headrace_operator.plan.build import LedgerPlan, Plan, PoolPlan
    from headrace_operator.plan.limits import LimitsPlan
    from headrace_operator.plan.stamp import Manifest

Body = dict[str, Any]


class Objects(Protocol):
    """Where children are made and removed."""

    async def apply(self, manifest: Manifest) -> Body: ...
    async def create_at(self, manifest: Manifest, replicas: int) -> tuple[Body, bool]: ...
    async def set_replicas(
        self, namespace: str, name: str, replicas: int, version: str | None = None
    ) -> Body: ...
    async def delete(
        self, resource: Resource, namespace: str | None, name: str, uid: str
    ) -> None: ...


class Rows(Protocol):
    """Where the ledger learns of a pipeline."""

    async def put_pipeline(self, plan: LedgerPlan) -> None: ...
    async def put_limits(self, plan: LimitsPlan) -> None: ...


class Children:
    """The children of one pipeline as they were seen, and as our own writes answered."""

    def __init__(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        self._bodies = {(one["kind"], one["metadata"]["name"]): one for one in bodies}
        self.written: list[Body] = []

    def get(self, kind: str, name: str) -> Mapping[str, Any] | None:
        return self._bodies.get((kind, name))

    def keep(self, body: Body) -> Body:
        self._bodies[body["kind"], body["metadata"]["name"]] = body
        self.written.append(body)
        return body

    def all(self) -> list[Mapping[str, Any]]:
        """Return them in a stable order, whoever came first."""
        return [self._bodies[place] for place in sorted(self._bodies)]


async def execute(plan: Plan, children: Children, objects: Objects, rows: Rows) -> None:
    """
    Make it so; one part that fails does not keep the others waiting.

    The account is made before the ledger is told, since its UID is how workers are known there.
    The first failure is raised at the end, so that the pass says so and is made again.
    """
    account, others = plan.manifests[0], plan.manifests[1:]
    failures = await _make_all(replace(plan, manifests=(account,)), children, objects)
    row = replace(plan.ledger, service_account_uid=_uid(account, children))
    async with asyncio.TaskGroup() as group:
        # The ledger's commit waits for its disk; the API server need not wait for that.
        told = group.create_task(_tell(row, rows))
        failures += await _make_all(replace(plan, manifests=others), children, objects)
    failures = [*told.result(), *failures]
    if failures:
        raise failures[0]


async def _tell(plan: LedgerPlan, rows: Rows) -> list[ReconcileError]:
    try:
        await rows.put_limits(plan.limits)  # first, so that no run begins without them
        await rows.put_pipeline(plan)
    except ReconcileError as exc:
        return [exc]
    return []


async def _make_all(plan: Plan, children: Children, objects: Objects) -> list[ReconcileError]:
    failures: list[ReconcileError] = []
    pools = {pool.workload: pool for pool in plan.ledger.pools}
    broken: set[str] = set()
    for manifest in plan.manifests:
        if manifest.resource is SCALED_OBJECTS and manifest.name in broken:
            continue  # KEDA must not hold a count that was not handed over
        try:
            await _make(manifest, pools.get(manifest.name), children, objects)
        except ReconcileError as exc:
            failures.append(exc)
            broken.add(manifest.name)
        except GoneError as exc:
            msg = f"{manifest.resource.kind} '{manifest.name}' cannot be made: {exc}"
            failures.append(ClusterUnavailableError(msg))
            broken.add(manifest.name)
    return failures


def _uid(manifest: Manifest, children: Children) -> str:
    body = children.get(manifest.resource.kind, manifest.name)
    return body["metadata"]["uid"] if body else ""


async def prune(
    plan: Plan, children: Children, draining: Collection[str], objects: Objects
) -> None:
    """Delete what is ours and in no plan, but for pools that still have unfinished tasks."""
    wanted = {(one.resource.kind, one.name) for one in plan.manifests}
    for body in children.all():
        metadata = body["metadata"]
        if (body["kind"], metadata["name"]) in wanted or metadata.get("deletionTimestamp"):
            continue
        if (metadata.get("labels") or {}).get(LABEL_POOL) in draining:
            continue
        resource = resource_of(dict(body))
        await objects.delete(resource, metadata["namespace"], metadata["name"], metadata["uid"])


async def mend(manifest: Manifest, children: Children, objects: Objects) -> None:
    """Make one object as it is wanted, for a pipeline that is not planned; raise ReconcileError."""
    try:
        await _make(manifest, None, children, objects)
    except GoneError as exc:
        msg = f"{manifest.resource.kind} '{manifest.name}' cannot be made: {exc}"
        raise ClusterUnavailableError(msg) from exc


async def _make(
    manifest: Manifest, pool: PoolPlan | None, children: Children, objects: Objects
) -> None:
    observed = children.get(manifest.resource.kind, manifest.name)
    if manifest.resource is DEPLOYMENTS and pool is not None:
        await _make_workload(manifest, pool, children, objects)
    elif observed is None or not matches(manifest.body, observed):
        children.keep(await objects.apply(manifest))


async def _make_workload(
    manifest: Manifest, pool: PoolPlan, children: Children, objects: Objects
) -> None:
    """
    Make a Deployment whose count is nobody's who does not scale it.

    Without `replicas` it would start one pod before KEDA acts, so it is created with its count, in
    one write; whoever scales it takes the count over. If nobody has when something else changes,
    the count goes to its own manager first: a field that is no longer applied falls back to one.
    """
    observed = children.get(manifest.resource.kind, manifest.name)
    where = manifest.namespace, manifest.name
    if observed is None:
        observed, made = await objects.create_at(manifest, pool.fixed_replicas or 0)
        children.keep(observed)
        if made:
            return
    if not matches(manifest.body, observed):
        if count_is_ours(observed):
            count, version = observed["spec"]["replicas"], observed["metadata"]["resourceVersion"]
            children.keep(await objects.set_replicas(*where, count, version))
        observed = children.keep(await objects.apply(manifest))
    fixed = pool.fixed_replicas
    if fixed is not None and observed["spec"].get("replicas") != fixed:
        children.keep(await objects.set_replicas(*where, fixed))
