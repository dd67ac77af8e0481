"""A plain kopf operator: sync handlers, the official client, kopf's own patch and finalizer."""

from __future__ import annotations

from typing import Any

import kopf
from kubernetes import client, config

import make
from headrace_operator.plan.build import build_plan

APIS: dict[str, Any] = {}


@kopf.on.startup()
def start(**_: Any) -> None:
    config.load_kube_config()
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    networking, custom = client.NetworkingV1Api(), client.CustomObjectsApi()
    APIS.update(
        ServiceAccount=core.create_namespaced_service_account,
        ConfigMap=core.create_namespaced_config_map,
        NetworkPolicy=networking.create_namespaced_network_policy,
        Deployment=apps.create_namespaced_deployment,
        ScaledObject=lambda namespace, body: custom.create_namespaced_custom_object(
            "keda.sh", "v1alpha1", namespace, "scaledobjects", body
        ),
    )


@kopf.on.create("headrace.dev", "v1alpha1", "agentpipelines")
def create(body: kopf.Body, namespace: str, patch: kopf.Patch, **_: Any) -> None:
    known = make.seen(dict(body), tenant_body=make.tenant(namespaces=(namespace,)))
    for manifest in build_plan(make.context(known)).manifests:
        child = manifest.body
        if child["kind"] == "Deployment":
            child = {**child, "spec": {**child["spec"], "replicas": 0}}
        APIS[child["kind"]](namespace=namespace, body=child)
    patch.status["observedGeneration"] = body["metadata"]["generation"]
    patch.status["conditions"] = [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "All children exist.",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": body["metadata"]["generation"],
        }
    ]


@kopf.on.update("headrace.dev", "v1alpha1", "agentpipelines", field="spec")
def update(**_: Any) -> None:
    """Nothing is updated in this run."""


@kopf.on.delete("headrace.dev", "v1alpha1", "agentpipelines")
def delete(**_: Any) -> None:
    """The garbage collector takes the children."""
