"""What the workers of a pipeline may reach: the gateway, DNS and what the pipeline declares."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.addresses import METADATA
from headrace_contract.names import PORT_CLIENTS, pipeline_name
from headrace_operator.model.resource import NETWORK_POLICIES
from headrace_operator.plan.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_contract.addresses import Network
    from headrace_contract.compiled import CompiledEgress
    from headrace_operator.plan.context import PipelineContext, Site
    from headrace_operator.plan.stamp import Manifest, Owner

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
DNS: Final[dict[str, Any]] = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
GATEWAY: Final[dict[str, Any]] = {
    "podSelector": {
        "matchLabels": {
            "app.kubernetes.io/name": "headrace",
            "app.kubernetes.io/component": "gateway",
        }
    }
}


def network_policy(ctx: PipelineContext) -> Manifest:
    """Deny both ways by default; the kubelet's probes pass all the same."""
    return _policy(ctx.site, ctx.owner, ctx.compiled.egress)


def closed_policy(site: Site, owner: Owner) -> Manifest:
    """Open nothing that was declared: for workers that serve on when their tenant became Strict."""
    return _policy(site, owner, ())


def _policy(site: Site, owner: Owner, declared: Sequence[CompiledEgress]) -> Manifest:
    gateway = {
        "to": [{**_namespace(site.system_namespace), **GATEWAY}],
        "ports": [{"protocol": "TCP", "port": PORT_CLIENTS}],
    }
    shut = (*METADATA, *(ipaddress.ip_network(cidr) for cidr in site.node_cidrs))
    opened = [rule for egress in declared if (rule := _rule(egress, shut)) is not None]
    spec = {
        "podSelector": {"matchLabels": owner.selector()},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [gateway, DNS, *opened],
    }
    return stamp(NETWORK_POLICIES, owner, pipeline_name(owner.pipeline.name), {"spec": spec})


def _rule(egress: CompiledEgress, shut: Sequence[Network]) -> dict[str, Any] | None:
    ports = [{"protocol": "TCP", "port": port} for port in egress.ports]
    if egress.namespace is not None:
        return {"to": [_namespace(egress.namespace)], "ports": ports}
    block = _block(egress.cidr or "", shut)
    return None if block is None else {"to": [{"ipBlock": block}], "ports": ports}


def _block(cidr: str, shut: Sequence[Network]) -> dict[str, Any] | None:
    """Open a range but for what is shut in it; nothing is left of a range inside of that."""
    wanted = ipaddress.ip_network(cidr)
    within: list[str] = []
    for network in shut:
        if wanted.version != network.version or not wanted.overlaps(network):
            continue
        if wanted.prefixlen >= network.prefixlen:
            return None
        within.append(str(network))
    return {"cidr": cidr, "except": within} if within else {"cidr": cidr}


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: name}}}
