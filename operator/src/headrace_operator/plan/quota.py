"""What holds the namespaces of a tenant to so much of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace_contract.names import quota_name
from headrace_operator.model.resource import RESOURCE_QUOTAS
from headrace_operator.plan.stamp import stamp_of_tenant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.plan.stamp import Manifest


def quotas(tenant: Tenant, namespaces: Iterable[str]) -> tuple[Manifest, ...]:
    """Make a ResourceQuota for each namespace; nothing where the tenant asks for none."""
    asked = tenant.spec.isolation.resource_quota
    if asked is None:
        return ()
    spec: dict[str, Any] = {"hard": dict(asked.hard)}
    if asked.scopes:
        spec["scopes"] = list(asked.scopes)
    name = quota_name(tenant.identity.uid)
    return tuple(
        stamp_of_tenant(RESOURCE_QUOTAS, tenant, (namespace, name), {"spec": spec})
        for namespace in namespaces
    )
