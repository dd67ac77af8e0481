"""`headrace check`: the operator's judgement of a file, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace_cli.errors import GivenError, ManifestError
from headrace_cli.manifests import Bundle, Pipeline, load
from headrace_cli.plan import tenant_for
from headrace_cli.printing import say
from headrace_contract.compile import compile_pipeline
from headrace_contract.compiled import CompiledPipeline
from headrace_contract.problem import Problem
from headrace_contract.resources.base import API_VERSION
from headrace_operator.plan.admit import admit
from headrace_operator.plan.judge import tenant_missing


def check(path: Path) -> Bundle:
    """Load and judge; what a file refers to is looked up where the files bring its kind along."""
    bundle = load(path)
    if bundle.problems:
        return bundle
    for pipeline in bundle.pipelines:
        found = refused(pipeline, bundle) if bundle.tenants else []
        found += unresolved(pipeline, bundle) if bundle.providers else []
        bundle.problems += [pipeline.document.problem(one.path, one.message) for one in found]
    return bundle


def refused(pipeline: Pipeline, bundle: Bundle) -> list[Problem]:
    """Find what no tenant of the files allows."""
    name = bundle.tenant_of(pipeline)
    tenant = bundle.tenants.get(name or "")
    if tenant is None or pipeline.namespace not in tenant.namespaces:
        named = pipeline.spec.tenant_ref
        return [tenant_missing(pipeline.namespace, named.name if named else None)]
    return admit(pipeline.spec, tenant_for(pipeline, bundle), bundle.providers)


def unresolved(pipeline: Pipeline, bundle: Bundle) -> list[Problem]:
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
    return [] if isinstance(compiled, CompiledPipeline) else compiled


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
