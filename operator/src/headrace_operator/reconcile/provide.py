"""What a tenant has in its namespaces: its limits to read, and its quota."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headrace_operator.errors import ForbiddenError, GoneError
from headrace_operator.model.resource import resource_of
from headrace_operator.plan.limits_map import limits_maps
from headrace_operator.plan.match import matches
from headrace_operator.plan.quota import quotas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.plan.stamp import Manifest
    from headrace_operator.reconcile.world import World


async def provide(tenant: Tenant, namespaces: Sequence[str], world: World) -> None:
    """Make what should be there, and remove what should not."""
    there = _there(tenant, world)
    # A namespace may not be there yet, be going, or be none of this operator's: that is no fault
    # of the tenant's. The ledger limits without the copy of its limits; a quota that may not be
    # made is told.
    for manifest in limits_maps(tenant, namespaces):
        with suppress(ForbiddenError):
            await _mend(manifest, there, world)
    for manifest in quotas(tenant, namespaces):
        await _mend(manifest, there, world)
    for body in there.values():
        about = body["metadata"]
        await world.cluster.delete(
            resource_of(body), about["namespace"], about["name"], about["uid"]
        )


async def _mend(
    manifest: Manifest, there: dict[tuple[str, str], dict[str, Any]], world: World
) -> None:
    body = there.pop((manifest.resource.kind, manifest.namespace), None)
    if body is None or not matches(manifest.body, body):
        with suppress(GoneError):
            world.cache.saw(await world.cluster.apply(manifest))


def _there(tenant: Tenant, world: World) -> dict[tuple[str, str], dict[str, Any]]:
    """Find what is this tenant's own by (kind, namespace); what was taken over is another's."""
    return {
        (body["kind"], body["metadata"]["namespace"]): body
        for body in world.cache.children(tenant.identity.key)
        if any(
            owner["uid"] == tenant.identity.uid
            for owner in body["metadata"].get("ownerReferences") or ()
        )
    }
