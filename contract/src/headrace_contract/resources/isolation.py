"""How the namespaces of a tenant are kept apart from the rest of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from headrace_contract.resources.base import Spec, as_set
from headrace_contract.resources.pools import Quantity

NetworkIsolation = Literal["Baseline", "Strict"]
QuotaScope = Literal["Terminating", "NotTerminating", "BestEffort", "NotBestEffort"]


class ResourceQuota(Spec):
    """What a Kubernetes ResourceQuota holds each namespace of the tenant to."""

    hard: Annotated[Mapping[str, Quantity], Field(min_length=1, max_length=64)]
    """Most of each resource, by the names that Kubernetes has: 'pods', 'requests.cpu'."""
    scopes: Annotated[list[QuotaScope], Field(max_length=4, json_schema_extra=as_set())] = []
    """Which pods count; all of them when empty."""


class WorkerAccount(Spec):
    """The ServiceAccounts that workers run as, one per pipeline."""

    annotations: Annotated[
        Mapping[str, Annotated[str, StringConstraints(max_length=2048)]], Field(max_length=32)
    ] = {}
    """Annotations of each, by which a cloud gives workers an identity; none by default."""


class Isolation(Spec):
    """How the namespaces of a tenant are kept apart."""

    network_policy: NetworkIsolation = "Baseline"
    """Workers reach the gateway, DNS and a pipeline's `egress`; no `egress` with 'Strict'."""
    resource_quota: ResourceQuota | None = None
    """A ResourceQuota of headrace's own in each namespace, beside any of yours; none by default."""
    service_account: WorkerAccount = Field(default_factory=WorkerAccount)
    """The ServiceAccounts that workers run as; they never have an API token mounted."""

    @property
    def strict(self) -> bool:
        """Say whether workers reach the gateway and DNS only, whatever pipelines declare."""
        return self.network_policy == "Strict"
