"""A kind as its CustomResourceDefinition."""

from __future__ import annotations

from typing import Any, Final

import yaml

from crdgen.structural import structural
from crdgen.undefaulted import undefaulted
from headrace_contract.resources.base import DNS_LABEL_PATTERN, GROUP, VERSION
from headrace_contract.resources.kinds import AGENT_PIPELINE, Kind
from headrace_contract.resources.overrides import PipelineFields

CATEGORY: Final = "headrace"
HEADER: Final = "# Written by hack/render_crds.py from the models in contract/. Do not edit.\n"
_STANDARD: Final = {
    "apiVersion": {
        "type": "string",
        "description": f"Version of the schema of this object, '{GROUP}/{VERSION}'.",
    },
    "kind": {"type": "string", "description": "Kind of this object."},
    "metadata": {"type": "object"},
}


def _condition(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return {**column, "priority": priority} if priority else column


_READY: Final = [_column("Ready", _condition("status")), _column("Reason", _condition("reason"))]
_LAST: Final = [
    _column("Age", ".metadata.creationTimestamp", "date"),
    _column("Message", _condition("message"), priority=1),
]
COLUMNS: Final[dict[str, list[dict[str, Any]]]] = {
    "AgentPipeline": [
        _column("Tenant", ".status.tenant"),
        *_READY,
        _column("Running", ".status.backlog.running", "integer"),
        _column("Backlog", ".status.backlog.runnable", "integer"),
        _column("Parked", ".status.backlog.parked", "integer"),
        _column("DLQ", ".status.backlog.dead", "integer"),
        _column("Workers", ".status.workers.ready", "integer"),
        *_LAST,
    ],
    "AgentTenant": [
        *_READY,
        _column("Pipelines", ".status.pipelines", "integer"),
        _column("Nearest", ".status.nearest"),
        *_LAST,
        _column("Namespaces", ".status.namespaces", priority=1),
    ],
    "ModelProvider": [
        _column("Type", ".spec.type"),
        *_READY,
        _column("Pipelines", ".status.pipelines", "integer"),
        _column("Nearest", ".status.nearest"),
        *_LAST,
        _column("Endpoint", ".spec.endpoint", priority=1),
    ],
}
# Names become labels and names of what is made; elsewhere in Kubernetes they may be longer.
NAME_RULE: Final = {
    "rule": f"self.metadata.name.matches('{DNS_LABEL_PATTERN}') && size(self.metadata.name) <= 63",
    "message": "`metadata.name` must be a DNS label of at most 63 characters",
}
SELECTABLE: Final = {"AgentPipeline": [".spec.tenantRef.name"]}


def manifest(kind: Kind) -> dict[str, Any]:
    """Return the whole definition, in the order in which a person reads it."""
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short],
        "categories": [CATEGORY],
    }
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": COLUMNS[kind.name],
        "schema": {"openAPIV3Schema": _root(kind)},
    }
    if kind.name in SELECTABLE:
        version["selectableFields"] = [{"jsonPath": path} for path in SELECTABLE[kind.name]]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": kind.scope, "versions": [version]},
    }


def text(kind: Kind) -> str:
    """Return the file that `kubectl apply` reads; the same for the same models, byte by byte."""
    dumped: str = yaml.safe_dump(manifest(kind), sort_keys=False, width=1000, allow_unicode=True)
    return HEADER + dumped


def _root(kind: Kind) -> dict[str, Any]:
    # A fresh object without a status would count as done; -1 is behind every generation.
    spec = structural(kind.spec)
    if kind is AGENT_PIPELINE:
        spec = undefaulted(spec, PipelineFields)
    status = {**structural(kind.status), "default": {"observedGeneration": -1}}
    return {
        "type": "object",
        "description": kind.description,
        "required": ["spec"],
        "x-kubernetes-validations": [NAME_RULE],
        "properties": {**_STANDARD, "spec": spec, "status": status},
    }
