"""What the workers of a pipeline may reach: the gateway, DNS and what the pipeline declares."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.names import PORT_CLIENTS, pipeline_name
from headrace_operator.model.resource import NETWORK_POLICIES
from headrace_operator.plan.stamp import stamp

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledEgress
    from headrace_operator.plan.context import PipelineContext
    from headrace_operator.plan.stamp import Manifest

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
# Clouds answer with the node's credentials here; no declaration opens them.
METADATA: Final = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fd00:ec2::/32"))


def network_policy(ctx: PipelineContext) -> Manifest:
    """Deny both ways by default; the kubelet's probes pass all the same."""
    gateway = {
        "to": [{**_namespace(ctx.site.system_namespace), **GATEWAY}],
        "ports": [{"protocol": "TCP", "port": PORT_CLIENTS}],
    }
    declared = [rule for egress in ctx.compiled.egress if (rule := _rule(egress)) is not None]
    spec = {
        "podSelector": {"matchLabels": ctx.owner.selector()},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [gateway, DNS, *declared],
    }
    return stamp(NETWORK_POLICIES, ctx.owner, pipeline_name(ctx.pipeline.name), {"spec": spec})


def _rule(egress: CompiledEgress) -> dict[str, Any] | None:
    ports = [{"protocol": "TCP", "port": port} for port in egress.ports]
    if egress.namespace is not None:
        return {"to": [_namespace(egress.namespace)], "ports": ports}
    block = _block(egress.cidr or "")
    return None if block is None else {"to": [{"ipBlock": block}], "ports": ports}


def _block(cidr: str) -> dict[str, Any] | None:
    """Open a range but for the metadata addresses in it; nothing is left of a range inside them."""
    wanted = ipaddress.ip_network(cidr)
    shut: list[str] = []
    for metadata in METADATA:
        if wanted.version != metadata.version or not wanted.overlaps(metadata):
            continue
        if wanted.prefixlen >= metadata.prefixlen:
            return None
        shut.append(str(metadata))
    return {"cidr": cidr, "except": shut} if shut else {"cidr": cidr}


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: name}}}
