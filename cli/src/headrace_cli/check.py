"""`headrace check`: the operator's judgement of a file, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace_cli.errors import GivenError, ManifestError
from headrace_cli.manifests import Bundle, FileProblem, Pipeline, load
from headrace_cli.printing import say
from headrace_contract.compile import compile_pipeline
from headrace_contract.compiled import CompiledPipeline
from headrace_contract.resources.base import API_VERSION


def check(path: Path) -> Bundle:
    """Load and judge; references are looked up where the files bring providers along."""
    bundle = load(path)
    if bundle.providers and not bundle.problems:
        bundle.problems += [one for each in bundle.pipelines for one in unresolved(each, bundle)]
    return bundle


def unresolved(pipeline: Pipeline, bundle: Bundle) -> list[FileProblem]:
    """Find what the pipeline refers to and the files do not have."""
    compiled = compile_pipeline(
        tenant=bundle.tenant_of(pipeline) or "",
        namespace=pipeline.namespace,
        name=pipeline.name,
        uid="",
        generation=0,
        spec=pipeline.spec,
        providers=bundle.providers,
    )
    if isinstance(compiled, CompiledPipeline):
        return []
    return [pipeline.document.problem(one.path, one.message) for one in compiled]


def command(
    filename: Annotated[Path, typer.Option("--filename", "-f", help="YAML file or folder.")],
) -> None:
    """Check YAML files offline, as the operator would.

    Example: headrace check -f examples/research
    """
    bundle = check(filename)
    if bundle.problems:
        raise ManifestError(bundle.problems)
    if not (bundle.tenants or bundle.providers or bundle.pipelines):
        msg = f"{filename} must hold objects of {API_VERSION}, and has none"
        raise GivenError(msg)
    for name in bundle.tenants:
        say(f"agenttenant.headrace.dev/{name} is valid")
    for name in bundle.providers:
        say(f"modelprovider.headrace.dev/{name} is valid")
    for pipeline in bundle.pipelines:
        say(f"agentpipeline.headrace.dev/{pipeline.name} is valid")
