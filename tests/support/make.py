"""Builders of what people write, small by default and exact where a test says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from headrace_contract.resources.base import API_VERSION
from headrace_contract.resources.model_provider import ModelProviderSpec
from headrace_operator.model.identity import Identity
from headrace_operator.model.parse import parse_pipeline, parse_provider, parse_tenant
from headrace_operator.model.seen import PipelineSeen
from headrace_operator.model.tenancy import Tenant
from headrace_operator.plan.build import Plan, build_plan
from headrace_operator.plan.context import PipelineContext, Site
from headrace_operator.plan.judge import judge

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SITE = Site(
    gateway_url="http://headrace-gateway.headrace-system.svc:8080",
    worker_image="headrace-worker:1",
    system_namespace="headrace-system",
)
CREATED = "2026-01-01T00:00:00Z"


def body(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Make an object as the API server would send it."""
    known = {
        "name": name,
        "uid": f"uid-of-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": CREATED,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {**known, **metadata},
        "spec": spec,
    }


def pipeline_spec(**changes: Any) -> dict[str, Any]:
    """Make the smallest pipeline that asks a model."""
    spec = {
        "steps": [
            {
                "name": "draft",
                "type": "LLM",
                "llm": {"class": "small", "prompt": "Write about {{ input.topic }}."},
            }
        ],
        "pools": [{"name": "writers"}],
        "models": [{"class": "small", "providerRef": {"name": "acme"}}],
    }
    return spec | changes


def pipeline(name: str = "essay", namespace: str = "team-a", **changes: Any) -> dict[str, Any]:
    metadata = changes.pop("metadata", {})
    spec = pipeline_spec(**changes)
    return body("AgentPipeline", name, spec, namespace=namespace, **metadata)


def tenant(
    name: str = "acme", namespaces: tuple[str, ...] = ("team-a",), **changes: Any
) -> dict[str, Any]:
    metadata = changes.pop("metadata", {})
    return body("AgentTenant", name, {"namespaces": list(namespaces), **changes}, **metadata)


def provider(name: str = "acme", **changes: Any) -> dict[str, Any]:
    metadata = changes.pop("metadata", {})
    spec = {
        "type": "OpenAICompatible",
        "endpoint": "https://models.acme.example/v1",
        "models": [{"name": "acme-mini", "classes": ["small"]}],
    }
    return body("ModelProvider", name, spec | changes, **metadata)


def seen(
    raw: dict[str, Any] | None = None,
    *,
    tenant_body: dict[str, Any] | None = None,
    provider_body: dict[str, Any] | None = None,
    **changes: Any,
) -> PipelineSeen:
    """Make what a pass over a pipeline knows when tenant and provider are there."""
    raw = raw or pipeline()
    spec = parse_pipeline(raw)
    owner = parsed_tenant(tenant_body or tenant())
    offer = parse_provider(provider_body or provider())
    assert not isinstance(offer, list)
    fields: dict[str, Any] = {
        "identity": Identity.of(raw),
        "status": raw.get("status") or {},
        "spec": None if isinstance(spec, list) else spec,
        "problems": tuple(spec) if isinstance(spec, list) else (),
        "tenant": owner,
        "providers": {"acme": offer},
        "keda": True,
        "backlog": None,
    }
    return PipelineSeen(**(fields | changes))


def parsed_tenant(raw: dict[str, Any]) -> Tenant:
    spec = parse_tenant(raw)
    assert not isinstance(spec, list)
    return Tenant(Identity.of(raw), spec)


def parsed_provider(raw: dict[str, Any]) -> ModelProviderSpec:
    spec = parse_provider(raw)
    assert not isinstance(spec, list)
    return spec


def context(known: PipelineSeen, site: Site = SITE) -> PipelineContext:
    judgement = judge(known)
    assert judgement.compiled is not None, (judgement.refused, judgement.unresolved)
    assert known.spec is not None
    return PipelineContext(site, known.identity, known.spec, judgement.compiled, known.keda)


def plan(*, keda: bool = True, site: Site = SITE, **changes: Any) -> Plan:
    """Plan a pipeline with these fields of its spec."""
    egress = {"egress": changes.pop("allowed_egress")} if "allowed_egress" in changes else {}
    owner = tenant(allowed=egress)
    return build_plan(context(seen(pipeline(**changes), tenant_body=owner, keda=keda), site))


def only(built: Plan, kind: str) -> dict[str, Any]:
    """Return the one manifest of a kind."""
    found = [one.body for one in built.manifests if one.resource.kind == kind]
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]
