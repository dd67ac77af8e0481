"""`headrace plan`: what the operator would make of a pipeline, by the operator's own function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from headrace_cli.errors import GivenError, ManifestError
from headrace_cli.local.prepare import made_up_providers
from headrace_cli.manifests import Bundle, Pipeline, load
from headrace_cli.options import Format, Output
from headrace_cli.printing import note, render_value, say
from headrace_contract.compile import compile_pipeline
from headrace_contract.compiled import CompiledPipeline
from headrace_contract.effective import effective
from headrace_contract.names import PORT_CLIENTS, SYSTEM_NAMESPACE
from headrace_contract.problem import Problem
from headrace_contract.resources.agent_tenant import AgentTenantSpec
from headrace_contract.resources.model_provider import ModelProviderSpec
from headrace_operator.model.identity import Identity
from headrace_operator.model.resource import PIPELINES, TENANTS, Resource
from headrace_operator.model.tenancy import Tenant
from headrace_operator.plan.admit import admit
from headrace_operator.plan.build import Plan, build_plan
from headrace_operator.plan.context import PipelineContext, Site

GATEWAY: Final = f"http://headrace-gateway.{SYSTEM_NAMESPACE}.svc:{PORT_CLIENTS}"
_NOWHEN: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Offline:
    """What a cluster would know and a file does not."""

    site: Site
    keda: bool = True


def plan_pipeline(bundle: Bundle, pipeline: Pipeline, offline: Offline) -> Plan:
    """Plan one pipeline; raise ManifestError for all that the operator would not accept."""
    tenant = tenant_for(pipeline, bundle)
    spec = effective(pipeline.spec, tenant.spec).spec
    providers = _providers(bundle, pipeline)
    compiled = compile_pipeline(
        tenant=tenant.name,
        namespace=pipeline.namespace,
        name=pipeline.name,
        uid="",
        generation=1,
        spec=spec,
        providers=providers,
        max_priority=tenant.spec.max_priority,
    )
    refused = admit(spec, tenant, providers)
    if not isinstance(compiled, CompiledPipeline):
        raise _refusal(pipeline, [*compiled, *refused])
    if refused:
        raise _refusal(pipeline, refused)
    identity = _identity(PIPELINES, pipeline.name, pipeline.namespace)
    account = tenant.spec.isolation.service_account
    return build_plan(
        PipelineContext(offline.site, identity, spec, compiled, offline.keda, account)
    )


def warnings(bundle: Bundle, pipeline: Pipeline) -> list[str]:
    """Say what had to be assumed, because no file tells it."""
    told = []
    if not bundle.tenant_of(pipeline):
        told.append(f"no AgentTenant lists namespace '{pipeline.namespace}': one is assumed")
    told += [
        f"ModelProvider '{name}' is in no file: it is assumed to serve what is asked of it"
        for name in made_up_providers(pipeline)
        if name not in bundle.providers
    ]
    return told


def _refusal(pipeline: Pipeline, problems: list[Problem]) -> ManifestError:
    return ManifestError([pipeline.document.problem(one.path, one.message) for one in problems])


def tenant_for(pipeline: Pipeline, bundle: Bundle) -> Tenant:
    """Return the tenant that the files give the pipeline, or one that allows all it wants."""
    name = bundle.tenant_of(pipeline) or pipeline.namespace
    spec = bundle.tenants.get(name) or _open_tenant(pipeline)
    return Tenant(_identity(TENANTS, name, None), spec)


def _open_tenant(pipeline: Pipeline) -> AgentTenantSpec:
    """Stand in for a tenant that allows whatever the pipeline wants."""
    allowed = {"egress": [rule.model_dump() for rule in pipeline.spec.egress]}
    return AgentTenantSpec.model_validate(
        {"namespaces": [pipeline.namespace], "allowed": allowed}, strict=False
    )


def _providers(bundle: Bundle, pipeline: Pipeline) -> dict[str, ModelProviderSpec]:
    return {**made_up_providers(pipeline), **bundle.providers}


def _identity(resource: Resource, name: str, namespace: str | None) -> Identity:
    return Identity(
        resource=resource,
        namespace=namespace,
        name=name,
        uid="",
        generation=1,
        created_at=_NOWHEN,
        deleted_at=None,
        finalized=False,
        skip_cleanup=False,
    )


def render(plans: list[Plan], fmt: Format) -> str:
    """Print manifests as a stream of documents, or by name."""
    manifests = [manifest for plan in plans for manifest in plan.manifests]
    if fmt is Format.NAME:
        return "\n".join(f"{m.body['kind'].lower()}/{m.name}" for m in manifests)
    if fmt is Format.JSON:
        items = [manifest.body for manifest in manifests]
        return render_value({"apiVersion": "v1", "kind": "List", "items": items}, fmt)
    bodies = (yaml.safe_dump(manifest.body, sort_keys=False) for manifest in manifests)
    return "---\n".join(bodies).rstrip()


def _ranges(given: list[str]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(cidr)) for cidr in given)
    except ValueError as exc:
        msg = f"--node-cidr: {exc}"
        raise GivenError(msg) from exc


def command(  # noqa: PLR0913, PLR0917 -- typer makes an option of each parameter
    filename: Annotated[Path, typer.Option("--filename", "-f", help="YAML file or folder.")],
    gateway_url: Annotated[str, typer.Option(help="Address that workers are given.")] = GATEWAY,
    worker_image: Annotated[
        str, typer.Option(help="Image of pools that name none.")
    ] = "localhost/headrace/worker:dev",
    keda: Annotated[bool, typer.Option(help="Plan as if KEDA were there.")] = True,
    node_cidr: Annotated[
        list[str] | None, typer.Option(help="Range of the nodes, as in operator.nodeCIDRs.")
    ] = None,
    output: Output = Format.YAML,
) -> None:
    """Print what the operator would make of a pipeline; nothing is asked and nothing applied.

    Example: headrace plan -f examples/research -o name
    """
    bundle = load(filename)
    if bundle.problems:
        raise ManifestError(bundle.problems)
    if not bundle.pipelines:
        msg = f"{filename} must hold an AgentPipeline, and has none"
        raise GivenError(msg)
    site = Site(gateway_url, worker_image, SYSTEM_NAMESPACE, _ranges(node_cidr or []))
    offline = Offline(site, keda)
    for pipeline in bundle.pipelines:
        for told in warnings(bundle, pipeline):
            note(f"warning: {told}")
    say(render([plan_pipeline(bundle, pipeline, offline) for pipeline in bundle.pipelines], output))
