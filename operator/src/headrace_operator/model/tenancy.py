"""Whose namespace is whose: the older claim wins, and everybody computes the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_contract.resources.agent_tenant import AgentTenantSpec
    from headrace_operator.model.identity import Identity


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant whose spec parses."""

    identity: Identity
    spec: AgentTenantSpec

    @property
    def name(self) -> str:
        return self.identity.name


def holder(namespace: str, tenants: Iterable[Tenant]) -> Tenant | None:
    """Find the tenant that holds a namespace; one that is being deleted holds nothing."""
    claims = [
        tenant
        for tenant in tenants
        if namespace in tenant.spec.namespaces and tenant.identity.deleted_at is None
    ]
    return min(claims, key=_age, default=None)


def holdings(tenant: Tenant, tenants: Iterable[Tenant]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the namespaces that a tenant holds, and those it lost with the name of the winner."""
    everybody = list(tenants)
    held: list[str] = []
    lost: dict[str, str] = {}
    for namespace in tenant.spec.namespaces:
        winner = holder(namespace, everybody)
        if winner is None or winner.identity.uid == tenant.identity.uid:
            held.append(namespace)
        else:
            lost[namespace] = winner.name
    return tuple(sorted(held)), lost


def _age(tenant: Tenant) -> tuple[object, ...]:
    # The API server's clock has whole seconds, so a name decides between twins.
    return tenant.identity.created_at, tenant.name
