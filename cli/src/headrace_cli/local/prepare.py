"""
What the ledger of a laptop is told of a pipeline. Pure.

It is the pipeline as the operator compiles it; only addresses that exist in a cluster alone are
replaced: endpoints of providers, and what HTTP steps reach at the same place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from headrace_cli.errors import ManifestError
from headrace_cli.manifests import Bundle, Pipeline
from headrace_contract.compile import compile_pipeline
from headrace_contract.compiled import (
    CompiledEgress,
    CompiledModel,
    CompiledPipeline,
    CompiledStep,
    CompiledTarget,
)
from headrace_contract.effective import effective
from headrace_contract.names import pipeline_name, pool_name
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_contract.resources.model_provider import (
    Credentials,
    ModelProviderSpec,
    ProviderModel,
    SecretKeyRef,
)
from headrace_ledger.declared import LimitSet, PipelineRow, ProviderRow, TenantRow
from headrace_operator.apply.rows import limit_set, pipeline_row
from headrace_operator.plan.build import LedgerPlan, PoolPlan
from headrace_operator.plan.limits import pipeline_limits

TENANT: Final = "dev"
SECRET: Final = "headrace-dev"  # noqa: S105 -- the name of a Secret that exists in no cluster
_LOOPBACK: Final = "127.0.0.1/32"


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine: the model, and what stands for in-cluster addresses."""

    model: str
    """Base address of the endpoint that answers for every provider, with `/v1`."""
    stand_in: str
    """Address of the mock, which answers HTTP steps in the place of a provider's host."""
    model_name: str | None = None
    """The one model that is asked, whatever the pipeline says; as the pipeline says when None."""
    with_key: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)
    """More addresses and what stands for them: `http://a.b.svc:80` → `http://127.0.0.1:9000`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that the operator would have written."""

    tenant: TenantRow
    providers: tuple[ProviderRow, ...]
    pipeline: PipelineRow
    limits: LimitSet
    """Of runs and steps; those of tenants and providers are for what others share."""
    compiled: CompiledPipeline


def prepare(bundle: Bundle, pipeline: Pipeline, places: Places, generation: int) -> Prepared:
    """Compile a pipeline for this machine; raise ManifestError with every problem."""
    if bundle.problems:
        raise ManifestError(bundle.problems)
    providers = {**made_up_providers(pipeline), **bundle.providers}
    tenant = bundle.tenant_of(pipeline) or TENANT
    grants = bundle.tenants.get(tenant)
    spec = effective(pipeline.spec, grants).spec if grants else pipeline.spec
    compiled = compile_pipeline(
        tenant=tenant,
        namespace=pipeline.namespace,
        name=pipeline.name,
        uid=f"dev-{pipeline.namespace}-{pipeline.name}",
        generation=generation,
        spec=spec,
        providers=providers,
        max_priority=grants.max_priority if grants else "High",
    )
    if not isinstance(compiled, CompiledPipeline):
        found = [pipeline.document.problem(one.path, one.message) for one in compiled]
        raise ManifestError(found)
    local = relocated(compiled, providers, places)
    plan = plan_of(local, pipeline.spec.stop_policy, spec)
    return Prepared(
        tenant=TenantRow(tenant, f"dev-{tenant}", (pipeline.namespace,)),
        providers=tuple(_provider_row(name, spec, places) for name, spec in providers.items()),
        pipeline=pipeline_row(plan),
        limits=limit_set(plan.limits),
        compiled=local,
    )


def made_up_providers(pipeline: Pipeline) -> dict[str, ModelProviderSpec]:
    """Stand in for providers that no file describes: a laptop has one model for all."""
    wanted: dict[str, dict[str, list[str]]] = {}
    for model in pipeline.spec.models:
        targets = [(model.provider_ref, model.model)]
        targets += [(one.provider_ref, one.model) for one in model.fallbacks]
        for provider, name in targets:
            names = wanted.setdefault(provider.name, {})
            names.setdefault(name or f"mock-{model.class_}", []).append(model.class_)
    return {
        provider: ModelProviderSpec(
            endpoint="http://provider.invalid/v1",
            models=[ProviderModel(name=n, classes=_first(n, names)) for n in names],
        )
        for provider, names in wanted.items()
    }


def _first(name: str, names: Mapping[str, list[str]]) -> list[str]:
    """Give each class to the first model that has it, as the schema demands."""
    earlier: set[str] = set()
    for other, classes in names.items():
        if other == name:
            return sorted(set(classes) - earlier)
        earlier |= set(classes)
    return []


def relocated(
    compiled: CompiledPipeline, providers: Mapping[str, ModelProviderSpec], places: Places
) -> CompiledPipeline:
    """Point the pipeline at this machine, and seal it again."""
    origins = {origin_of(spec.endpoint): places.stand_in for spec in providers.values()}
    origins |= places.origins
    local = sorted({urlsplit(where).port or 80 for where in origins.values()})
    changed = {
        "models": [_asked(model, places.model_name) for model in compiled.models],
        "steps": [_moved(step, origins) for step in compiled.steps],
        "egress": [*compiled.egress, CompiledEgress(cidr=_LOOPBACK, ports=local)],
    }
    return compiled.model_copy(update=changed).sealed()


def _asked(model: CompiledModel, name: str | None) -> CompiledModel:
    if name is None:
        return model
    only = CompiledTarget(provider=model.targets[0].provider, model=name)
    return model.model_copy(update={"targets": [only]})


def _moved(step: CompiledStep, origins: Mapping[str, str]) -> CompiledStep:
    if step.http is None:
        return step
    for origin, place in origins.items():
        rest = step.http.url.removeprefix(origin)
        if rest != step.http.url and rest[:1] in ("", "/", "?"):
            http = step.http.model_copy(update={"url": place + rest})
            return step.model_copy(update={"http": http})
    return step


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _provider_row(name: str, spec: ModelProviderSpec, places: Places) -> ProviderRow:
    models = list(spec.models)
    if places.model_name:
        classes = sorted({each for model in models for each in model.classes})
        models = [ProviderModel(name=places.model_name, classes=classes)]
    secret = Credentials(secret_ref=SecretKeyRef(name=SECRET)) if places.with_key else None
    changed = {"endpoint": places.model, "models": models, "credentials": secret}
    text = spec.model_copy(update=changed).model_dump_json(by_alias=True, exclude_none=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ProviderRow(name, f"dev-{name}", text, f"sha256:{digest}")


def plan_of(
    compiled: CompiledPipeline, stop_policy: str, spec: AgentPipelineSpec | None = None
) -> LedgerPlan:
    """Plan what the ledger is told of a pipeline for which nothing is made in a cluster."""
    return LedgerPlan(
        compiled=compiled,
        service_account=pipeline_name(compiled.name),
        stop_policy=stop_policy,
        pools=tuple(
            PoolPlan(
                name=pool.name,
                concurrency_per_worker=pool.concurrency_per_worker,
                max_replicas=pool.max_replicas,
                workload=pool_name(compiled.name, pool.name),
                fixed_replicas=None,
            )
            for pool in compiled.pools
        ),
        limits=pipeline_limits(compiled.uid, compiled.tenant, spec),
    )
