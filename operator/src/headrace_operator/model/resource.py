"""The kinds of objects that the operator reads or writes, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from headrace_contract.resources.base import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, as the API server knows it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of a collection, or of one object in it."""
        parts = [self.root]
        if self.namespaced and namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        return "/".join(parts)


class Key(NamedTuple):
    """What is reconciled: one object, by kind and name."""

    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


PIPELINES: Final = Resource(GROUP, VERSION, "AgentPipeline", "agentpipelines")
TENANTS: Final = Resource(GROUP, VERSION, "AgentTenant", "agenttenants", namespaced=False)
PROVIDERS: Final = Resource(GROUP, VERSION, "ModelProvider", "modelproviders", namespaced=False)

SERVICE_ACCOUNTS: Final = Resource("", "v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAPS: Final = Resource("", "v1", "ConfigMap", "configmaps")
RESOURCE_QUOTAS: Final = Resource("", "v1", "ResourceQuota", "resourcequotas")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
DEPLOYMENTS: Final = Resource("apps", "v1", "Deployment", "deployments")
SCALED_OBJECTS: Final = Resource("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects")

PODS: Final = Resource("", "v1", "Pod", "pods")
LEASES: Final = Resource("coordination.k8s.io", "v1", "Lease", "leases")
EVENTS: Final = Resource("events.k8s.io", "v1", "Event", "events")

OURS: Final = (PIPELINES, TENANTS, PROVIDERS)
"""What users write, and we answer."""
CHILDREN: Final = (
    SERVICE_ACCOUNTS,
    NETWORK_POLICIES,
    CONFIG_MAPS,
    RESOURCE_QUOTAS,
    DEPLOYMENTS,
    SCALED_OBJECTS,
)
"""What we make, in the order in which it is applied."""

BY_KIND: Final = {resource.kind: resource for resource in (*OURS, *CHILDREN)}


def resource_of(body: dict[str, Any]) -> Resource:
    """Say which of our kinds a body is of; raise KeyError for a stranger."""
    return BY_KIND[body["kind"]]
