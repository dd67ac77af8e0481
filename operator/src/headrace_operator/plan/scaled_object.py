"""How KEDA scales a pool: one trigger that asks the gateway, and holds when it cannot ask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.names import PORT_SCALER, pool_name
from headrace_contract.resources.base import parse_duration
from headrace_operator.model.resource import DEPLOYMENTS, SCALED_OBJECTS
from headrace_operator.plan.stamp import stamp

if TYPE_CHECKING:
    from headrace_operator.plan.context import PoolContext
    from headrace_operator.plan.stamp import Manifest

POLLING_SECONDS: Final = 5
LONGEST_STABILISATION: Final = 3600  # the HPA's own limit
UNREADABLE_BEFORE_FALLBACK: Final = 3


def scaled_object(ctx: PoolContext) -> Manifest | None:
    """Make the ScaledObject; without KEDA there is nobody who would read it."""
    if not ctx.whole.keda:
        return None
    scaling = ctx.pool.scaling
    name = pool_name(ctx.whole.pipeline.name, ctx.pool.name)
    idle = max(1, math.ceil(parse_duration(scaling.idle_after).total_seconds()))
    spec = {
        "scaleTargetRef": {
            "apiVersion": DEPLOYMENTS.api_version,
            "kind": DEPLOYMENTS.kind,
            "name": name,
        },
        "pollingInterval": POLLING_SECONDS,
        "cooldownPeriod": idle,
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        # A pool at zero stays at zero, one with workers keeps them.
        "fallback": {
            "failureThreshold": UNREADABLE_BEFORE_FALLBACK,
            "replicas": 1,
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(ctx, idle)}},
        "triggers": [_trigger(ctx)],
    }
    return stamp(SCALED_OBJECTS, ctx.owner, name, {"spec": spec})


def _behavior(ctx: PoolContext, idle: int) -> dict[str, Any]:
    """Grow in one step to what the first metric asks for; shrink after the idle time."""
    at_once = {"type": "Pods", "value": ctx.pool.scaling.max_replicas, "periodSeconds": 15}
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [at_once],
        },
        "scaleDown": {"stabilizationWindowSeconds": min(idle, LONGEST_STABILISATION)},
    }


def _trigger(ctx: PoolContext) -> dict[str, Any]:
    site, pipeline = ctx.whole.site, ctx.whole.pipeline
    service = f"headrace-gateway-scaler.{site.system_namespace}.svc"
    return {
        "type": "external-push",
        "metadata": {
            "scalerAddress": f"{service}:{PORT_SCALER}",
            "namespace": pipeline.namespace or "",
            "pipeline": pipeline.name,
            "pool": ctx.pool.name,
        },
    }
