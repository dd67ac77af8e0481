"""Name, labels, owner and hash of what we make: set here and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from headrace_contract.names import (
    LABEL_MANAGED_BY,
    LABEL_PIPELINE,
    LABEL_POOL,
    LABEL_TENANT,
    MANAGED_BY,
)
from headrace_contract.resources.base import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_operator.model.identity import Identity
    from headrace_operator.model.resource import Resource
    from headrace_operator.model.tenancy import Tenant

APPLIED_HASH: Final = "headrace.dev/applied-hash"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as we want it: every field that we own and no other."""

    resource: Resource
    namespace: str
    name: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is: what `stamp` writes on it."""

    pipeline: Identity
    tenant: str
    pool: str | None = None

    def labels(self) -> dict[str, str]:
        """Return our labels; none of the parent's are copied."""
        labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_TENANT: self.tenant, **self.selector()}
        return dict(sorted(labels.items()))

    def selector(self) -> dict[str, str]:
        """Return the labels that tell its pods from all others of the namespace, for ever."""
        labels = {LABEL_PIPELINE: self.pipeline.name}
        return labels if self.pool is None else labels | {LABEL_POOL: self.pool}


def stamp(
    resource: Resource,
    owner: Owner,
    name: str,
    fields: dict[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Make a manifest of what a builder says, with annotations of a person's beside our own."""
    pipeline = owner.pipeline
    assert pipeline.namespace is not None  # noqa: S101 -- a pipeline is namespaced
    reference = {
        "apiVersion": API_VERSION,
        "kind": pipeline.resource.kind,
        "name": pipeline.name,
        "uid": pipeline.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": pipeline.namespace,
        "labels": owner.labels(),
        "ownerReferences": [reference],
    }
    if annotations:
        metadata["annotations"] = dict(sorted(annotations.items()))
    return _hashed(resource, metadata, fields)


def stamp_of_tenant(
    resource: Resource, tenant: Tenant, place: tuple[str, str], fields: dict[str, Any]
) -> Manifest:
    """
    Make a manifest of what a tenant owns in one of its namespaces, by (namespace, name).

    The label by which we watch is there and names no pipeline.
    """
    namespace, name = place
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_PIPELINE: "", LABEL_TENANT: tenant.name}
    reference = {
        "apiVersion": API_VERSION,
        "kind": tenant.identity.resource.kind,
        "name": tenant.name,
        "uid": tenant.identity.uid,
        "controller": True,
    }
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "labels": dict(sorted(labels.items())),
        "ownerReferences": [reference],
    }
    return _hashed(resource, metadata, fields)


def _hashed(resource: Resource, metadata: dict[str, Any], fields: dict[str, Any]) -> Manifest:
    body = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        **fields,
    }
    metadata["annotations"] = {**metadata.get("annotations", {}), APPLIED_HASH: digest(body)}
    return Manifest(resource, metadata["namespace"], metadata["name"], body)


def digest(value: object) -> str:
    """Name a JSON value by its content."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
