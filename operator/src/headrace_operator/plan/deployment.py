"""The workers of a pool: an allow-list of fields that Pod Security *restricted* admits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from headrace_contract import env
from headrace_contract.names import PORT_METRICS, TOKEN_AUDIENCE, pipeline_name, pool_name
from headrace_operator.model.resource import DEPLOYMENTS
from headrace_operator.plan.stamp import stamp

if TYPE_CHECKING:
    from headrace_operator.plan.context import PoolContext
    from headrace_operator.plan.stamp import Manifest

USER: Final = 65532  # the user that minimal images call "nonroot"
TOKEN_FOLDER: Final = "/var/run/secrets/headrace"  # noqa: S105 -- a folder, not a secret
TOKEN_SECONDS: Final = 600
HAND_BACK_SECONDS: Final = 5  # after the drain: leases go back, then the process ends
SCRATCH_SIZE: Final = "256Mi"


def deployment(ctx: PoolContext) -> Manifest:
    """Make the workers' Deployment."""
    # No spec.replicas: another field manager creates it at zero and KEDA owns the count after.
    spec = {
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": ctx.owner.selector()},
        "template": {"metadata": {"labels": ctx.owner.labels()}, "spec": _pod(ctx)},
    }
    name = pool_name(ctx.whole.pipeline.name, ctx.pool.name)
    return stamp(DEPLOYMENTS, ctx.owner, name, {"spec": spec})


def _pod(ctx: PoolContext) -> dict[str, Any]:
    drain = math.ceil(ctx.compiled.drain_seconds)
    return {
        "serviceAccountName": pipeline_name(ctx.whole.pipeline.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": drain + HAND_BACK_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(ctx)],
        "volumes": [_token(), {"name": "tmp", "emptyDir": {"sizeLimit": SCRATCH_SIZE}}],
    }


def _container(ctx: PoolContext) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "worker",
        "image": ctx.pool.image or ctx.whole.site.worker_image,
        "env": _environment(ctx),
        "resources": _resources(ctx),
        "ports": [{"name": "health", "containerPort": PORT_METRICS, "protocol": "TCP"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": _probe("/healthz", period=1, failures=120),
        "readinessProbe": _probe("/readyz", period=2, failures=3),
        "livenessProbe": _probe("/healthz", period=10, failures=6),
        "volumeMounts": [
            {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- inside the pod, its own volume
        ],
    }
    if ctx.pool.env_from:
        container["envFrom"] = [
            {"secretRef": {"name": source.secret_ref.name}} for source in ctx.pool.env_from
        ]
    return container


def _environment(ctx: PoolContext) -> list[dict[str, Any]]:
    ours = {
        env.GATEWAY_URL: ctx.whole.site.gateway_url,
        env.NAMESPACE: ctx.whole.pipeline.namespace or "",
        env.PIPELINE: ctx.whole.pipeline.name,
        env.POOL: ctx.pool.name,
        env.CONCURRENCY: str(ctx.pool.concurrency_per_worker),
        env.DRAIN_SECONDS: f"{ctx.compiled.drain_seconds:g}",
        env.TOKEN_FILE: f"{TOKEN_FOLDER}/token",
        env.HEALTH_PORT: str(PORT_METRICS),
    }
    if ctx.whole.site.node_cidrs:
        ours[env.NODE_CIDRS] = ",".join(ctx.whole.site.node_cidrs)
    users = [{"name": one.name, "value": one.value} for one in ctx.pool.env]
    plain = [{"name": name, "value": value} for name, value in ours.items()]
    pod = {"name": env.POD_NAME, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [*users, *plain, pod]


def _resources(ctx: PoolContext) -> dict[str, Any]:
    asked = ctx.pool.resources
    limits = {"memory": asked.memory}
    if asked.cpu_limit is not None:
        limits["cpu"] = asked.cpu_limit
    return {"requests": {"cpu": asked.cpu, "memory": asked.memory}, "limits": limits}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": period,
        "failureThreshold": failures,
    }


def _token() -> dict[str, Any]:
    """Project the one token in the pod: the API server refuses its audience."""
    source = {"audience": TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": "token"}
    return {"name": "token", "projected": {"sources": [{"serviceAccountToken": source}]}}
