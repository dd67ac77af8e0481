"""What lies in YAML files: read, parsed by the contract's models, and judged; with line numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from headrace_contract.check.parsing import parse
from headrace_contract.check.pipeline import check_pipeline
from headrace_contract.problem import Problem
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_contract.resources.agent_tenant import AgentTenantSpec
from headrace_contract.resources.base import API_VERSION, GROUP, Spec
from headrace_contract.resources.kinds import KINDS, Kind
from headrace_contract.resources.model_provider import ModelProviderSpec

_PART: Final = re.compile(r"[^.\[\]]+")
_SUFFIXES: Final = {".yaml", ".yml"}
_KINDS: Final = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing that is wrong, and where: file, line, object and field."""

    file: Path
    line: int
    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where}: {self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file, as it was written."""

    file: Path
    node: yaml.Node
    body: Mapping[str, Any]

    @property
    def where(self) -> str:
        """Name the object as kubectl does."""
        return f"{self.body.get('kind', 'object')}/{self.metadata.get('name', '<none>')}"

    @property
    def metadata(self) -> Mapping[str, Any]:
        found = self.body.get("metadata")
        return found if isinstance(found, Mapping) else {}

    def problem(self, path: str, message: str) -> FileProblem:
        return FileProblem(self.file, line_of(self.node, path), self.where, path, message)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of a file that parses."""

    namespace: str
    name: str
    spec: AgentPipelineSpec
    document: Document


@dataclass(slots=True)
class Bundle:
    """Everything of ours that some files hold, and all that is wrong with it."""

    tenants: dict[str, AgentTenantSpec] = field(default_factory=dict)
    providers: dict[str, ModelProviderSpec] = field(default_factory=dict)
    pipelines: list[Pipeline] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)

    def tenant_of(self, pipeline: Pipeline) -> str | None:
        """Return the tenant that the pipeline names, else the first that lists its namespace."""
        if pipeline.spec.tenant_ref:
            return pipeline.spec.tenant_ref.name
        listing = (n for n, spec in self.tenants.items() if pipeline.namespace in spec.namespaces)
        return next(listing, None)


def files_in(path: Path) -> list[Path]:
    """Return the file, or the YAML files of the folder in order of their names."""
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES)
    return [path]


def load(path: Path) -> Bundle:
    """Read and judge every object of ours in a file or folder; others are passed over."""
    bundle = Bundle()
    for file in files_in(path):
        for document in _documents(file, bundle):
            if str(document.body.get("apiVersion", "")).startswith(f"{GROUP}/"):
                _take(document, bundle)
    return bundle


def _documents(file: Path, bundle: Bundle) -> Iterator[Document]:
    try:
        text = file.read_text()
        nodes = [node for node in yaml.compose_all(text, yaml.SafeLoader) if node is not None]
        bodies = [body for body in yaml.safe_load_all(text) if body is not None]
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        told = getattr(exc, "problem", None) or "it cannot be read"
        bundle.problems.append(FileProblem(file, line, "YAML", "syntax", f"must be YAML: {told}"))
        return
    except (OSError, UnicodeDecodeError) as exc:
        told = getattr(exc, "strerror", None) or "it is no text"
        bundle.problems.append(FileProblem(file, 1, "file", "read", f"must be readable: {told}"))
        return
    for node, body in zip(nodes, bodies, strict=True):
        if isinstance(body, Mapping):
            yield Document(file, node, body)


def _take(document: Document, bundle: Bundle) -> None:
    kind = _KINDS.get(str(document.body.get("kind")))
    found = list(_misnamed(document, kind))
    if kind is None or found:
        bundle.problems += found
        return
    raw = document.body.get("spec")
    if not isinstance(raw, Mapping):
        bundle.problems.append(document.problem("spec", "must be an object"))
        return
    spec, problems = parse(kind, raw)
    if isinstance(spec, AgentPipelineSpec):
        problems = [*problems, *check_pipeline(spec)]
    bundle.problems += [document.problem(one.path, one.message) for one in _distinct(problems)]
    if spec is not None:
        _keep(document, spec, bundle)


def _distinct(problems: list[Problem]) -> list[Problem]:
    return list({(one.path, one.message): one for one in problems}.values())


def _misnamed(document: Document, kind: Kind | None) -> Iterator[FileProblem]:
    if kind is None:
        yield document.problem("kind", f"must be one of {sorted(_KINDS)}")
        return
    if document.body.get("apiVersion") != API_VERSION:
        yield document.problem("apiVersion", f"must be '{API_VERSION}'")
    name = document.metadata.get("name")
    if not isinstance(name, str) or not name:
        yield document.problem("metadata.name", "must be set")
    for key in document.body.keys() - {"apiVersion", "kind", "metadata", "spec", "status"}:
        yield document.problem(str(key), "is no field of it")


def _keep(document: Document, spec: Spec, bundle: Bundle) -> None:
    name = str(document.metadata["name"])
    if isinstance(spec, AgentTenantSpec):
        bundle.tenants[name] = spec
    elif isinstance(spec, ModelProviderSpec):
        bundle.providers[name] = spec
    elif isinstance(spec, AgentPipelineSpec):
        namespace = str(document.metadata.get("namespace", "default"))
        bundle.pipelines.append(Pipeline(namespace, name, spec, document))


def line_of(node: yaml.Node, path: str) -> int:
    """Return the line of the deepest part of `spec.steps[0].pool` that was written."""
    line = node.start_mark.line + 1
    for part in _PART.findall(path):
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node, part: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        value = node.value[int(part)]
        return value.start_mark.line + 1, value
    return None
