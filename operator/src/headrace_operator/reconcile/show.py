"""A tenant's limits, shown in its namespaces."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headrace_operator.errors import ForbiddenError, GoneError
from headrace_operator.model.resource import CONFIG_MAPS
from headrace_operator.plan.limits_map import limits_maps
from headrace_operator.plan.match import matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.reconcile.world import World


async def show_limits(tenant: Tenant, namespaces: Sequence[str], world: World) -> None:
    """Make the ConfigMaps that should be there, and remove those that should not."""
    there = _shown(tenant, world)
    for manifest in limits_maps(tenant, namespaces):
        body = there.pop(manifest.namespace, None)
        if body is None or not matches(manifest.body, body):
            # A namespace may not be there yet, be going, or be none of this operator's: that is
            # no fault of the tenant's, and the ledger limits without this copy.
            with suppress(GoneError, ForbiddenError):
                world.cache.saw(await world.cluster.apply(manifest))
    for namespace, body in there.items():
        about = body["metadata"]
        await world.cluster.delete(CONFIG_MAPS, namespace, about["name"], about["uid"])


def _shown(tenant: Tenant, world: World) -> dict[str, dict[str, Any]]:
    """Find what is this tenant's own by namespace; one that was taken over is another's."""
    return {
        body["metadata"]["namespace"]: body
        for body in world.cache.children(tenant.identity.key)
        if any(
            owner["uid"] == tenant.identity.uid
            for owner in body["metadata"].get("ownerReferences") or ()
        )
    }
