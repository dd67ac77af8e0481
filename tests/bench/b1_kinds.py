"""What the fake API server says that it serves."""

from __future__ import annotations

from typing import Any, Final

KINDS: Final = {
    "v1": {"Namespace": "namespaces", "ServiceAccount": "serviceaccounts"}
    | {"ConfigMap": "configmaps", "Event": "events", "Pod": "pods"},
    "apps/v1": {"Deployment": "deployments"},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": "customresourcedefinitions"},
    "coordination.k8s.io/v1": {"Lease": "leases"},
    "events.k8s.io/v1": {"Event": "events"},
    "headrace.dev/v1alpha1": {"AgentPipeline": "agentpipelines", "AgentTenant": "agenttenants"}
    | {"ModelProvider": "modelproviders"},
    "keda.sh/v1alpha1": {"ScaledObject": "scaledobjects"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
}
WIDE: Final = {"Namespace", "CustomResourceDefinition", "AgentTenant", "ModelProvider"}
VERBS: Final = ["create", "delete", "get", "list", "patch", "update", "watch"]


def discovery(path: str) -> dict[str, Any] | None:
    """Answer a path of discovery; None for any other."""
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "fake"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "groups": [_group(one) for one in KINDS if "/" in one]}
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version not in KINDS:
        return None
    return {"kind": "APIResourceList", "groupVersion": version, "resources": _served(version)}


def _group(version: str) -> dict[str, Any]:
    told = {"groupVersion": version, "version": version.split("/")[1]}
    return {"name": version.split("/", maxsplit=1)[0], "versions": [told], "preferredVersion": told}


def _served(version: str) -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = []
    for kind, plural in KINDS[version].items():
        about = {"kind": kind, "namespaced": kind not in WIDE, "verbs": VERBS}
        resources.append({"name": plural, "singularName": kind.lower(), **about})
        resources.append({"name": f"{plural}/status", "singularName": "", **about})
    return resources
