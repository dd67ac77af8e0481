"""Names that two parts must agree on; computed here and nowhere else."""

from __future__ import annotations

import hashlib
import re
from typing import Final

MANAGED_BY: Final = "headrace"
FIELD_MANAGER: Final = "headrace"
REPLICAS_MANAGER: Final = "headrace-replicas"
FINALIZER: Final = "headrace.dev/finalizer"
SKIP_CLEANUP: Final = "headrace.dev/skip-cleanup"
TOKEN_AUDIENCE: Final = "headrace"  # noqa: S105 -- an audience, not a secret
SYSTEM_NAMESPACE: Final = "headrace-system"
ADMIN_SERVICE_ACCOUNT: Final = "headrace-admin"
PLATFORM_TENANT: Final = "_platform"
OF_BUDGET: Final = "budget."  # before its name, in the rows of the ledger's limits

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_PIPELINE: Final = "headrace.dev/pipeline"
LABEL_POOL: Final = "headrace.dev/pool"
LABEL_TENANT: Final = "headrace.dev/tenant"

LIMITS_MAP: Final = "headrace-limits"
"""The ConfigMap that shows a tenant's limits in its namespaces."""

PORT_CLIENTS: Final = 8080
PORT_METRICS: Final = 8081
PORT_SCALER: Final = 9090

LEASE_SECONDS: Final = 30.0
HEARTBEAT_SECONDS: Final = 10.0
MODEL_BODY_BYTES: Final = 4 * 1024 * 1024  # of one model call: a long context is more than a form


_MOST: Final = 46


def _short(head: str, identity: str) -> str:
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    return f"{head[:_MOST].rstrip('-')}-{digest}"


def pool_name(pipeline: str, pool: str) -> str:
    """Return a DNS label of at most 53; the digest keeps `a-b`+`c` apart from `a`+`b-c`.

    KEDA puts `keda-hpa-` (9 characters) before it, and 63 is the end.
    """
    return _short(f"{pipeline}-{pool}", f"{pipeline}/{pool}")


def pipeline_name(pipeline: str) -> str:
    """Return the name of what a pipeline owns once: ServiceAccount, NetworkPolicy, ConfigMap."""
    return _short(pipeline, pipeline)


def quota_name(tenant_uid: str) -> str:
    """Return the name of the ResourceQuota that a tenant has in each of its namespaces."""
    return _short("headrace-quota", tenant_uid)


def may_be_pipeline_name(name: str) -> bool:
    """Say whether `pipeline_name` may have given this name; of a long one only its form is left."""
    head, _, digest = name.rpartition("-")
    if len(head) < _MOST - 6:  # that of a longer name, cut, has lost no more than a few hyphens
        return pipeline_name(head) == name
    return re.fullmatch("[0-9a-f]{6}", digest) is not None
