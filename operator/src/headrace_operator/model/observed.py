"""What a pool's Deployment and ScaledObject say of themselves, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from headrace_contract.names import LABEL_POOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAUSED: Final = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas")
CANNOT_START: Final = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Why a container waits, when waiting longer will hardly help."""


@dataclass(frozen=True, slots=True)
class Workers:
    """The worker pods of one pool."""

    pool: str
    desired: int
    ready: int
    refusal: str | None = None
    """Why the API server lets no pod be made (quota, admission), in its words."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """What KEDA says of one pool."""

    pool: str
    ready: Literal["True", "False", "Unknown"]
    message: str
    paused: bool
    fallback: bool
    """KEDA cannot read the signal and keeps what it has."""


def workers_of(deployment: Mapping[str, Any]) -> Workers:
    """Read a Deployment."""
    status = deployment.get("status") or {}
    refusal = next(
        (
            condition.get("message", "")
            for condition in status.get("conditions") or ()
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
        ),
        None,
    )
    return Workers(
        pool=pool_of(deployment),
        desired=deployment["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        refusal=refusal,
    )


def scaler_of(scaled_object: Mapping[str, Any]) -> Scaler:
    """Read a ScaledObject."""
    meta = scaled_object["metadata"]
    conditions = {
        condition["type"]: condition
        for condition in (scaled_object.get("status") or {}).get("conditions") or ()
    }
    ready = conditions.get("Ready") or {}
    annotations = meta.get("annotations") or {}
    return Scaler(
        pool=pool_of(scaled_object),
        ready=ready.get("status", "Unknown"),
        message=ready.get("message") or "KEDA has not answered yet.",
        paused=any(annotations.get(name, "false") != "false" for name in PAUSED),
        fallback=(conditions.get("Fallback") or {}).get("status") == "True",
    )


def cannot_start(pods: Iterable[Mapping[str, Any]]) -> str | None:
    """Repeat the kubelet's words about the first pod that will not start by itself."""
    for pod in pods:
        status = pod.get("status") or {}
        for container in status.get("containerStatuses") or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in CANNOT_START:
                told = waiting.get("message") or "no message"
                return f"{waiting['reason']}: {told}"[:500]
    return None


def pool_of(child: Mapping[str, Any]) -> str:
    """Say which pool a child belongs to; the empty string if to none."""
    return str((child["metadata"].get("labels") or {}).get(LABEL_POOL, ""))
