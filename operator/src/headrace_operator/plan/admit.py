"""Whether tenant and providers allow what a pipeline asks for; each rule can be read aloud."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
    from headrace_contract.resources.egress import EgressRule
    from headrace_contract.resources.model_provider import ModelProviderSpec
    from headrace_operator.model.tenancy import Tenant


def admit(
    spec: AgentPipelineSpec, tenant: Tenant, providers: Mapping[str, ModelProviderSpec]
) -> list[Problem]:
    """Find everything that is not allowed, in the order of the rules."""
    return [problem for rule in RULES for problem in rule(spec, tenant, providers)]


def images_are_allowed(
    spec: AgentPipelineSpec, tenant: Tenant, _: Mapping[str, ModelProviderSpec]
) -> Iterator[Problem]:
    prefixes = tenant.spec.allowed.image_prefixes
    for index, pool in enumerate(spec.pools):
        if pool.image is None or not prefixes or pool.image.startswith(tuple(prefixes)):
            continue
        message = f"must begin with one of {quoted(prefixes)} (allowed by tenant '{tenant.name}')"
        yield Problem(f"spec.pools[{index}].image", message, Reason.NOT_ALLOWED_BY_TENANT)


def tenant_allows_providers(
    spec: AgentPipelineSpec, tenant: Tenant, _: Mapping[str, ModelProviderSpec]
) -> Iterator[Problem]:
    allowed = tenant.spec.allowed.model_providers
    for path, name in wanted_providers(spec):
        if allowed and name not in allowed:
            message = f"must be one of {quoted(allowed)} (allowed by tenant '{tenant.name}')"
            yield Problem(path, message, Reason.NOT_ALLOWED_BY_TENANT)


def providers_allow_tenant(
    spec: AgentPipelineSpec, tenant: Tenant, providers: Mapping[str, ModelProviderSpec]
) -> Iterator[Problem]:
    for path, name in wanted_providers(spec):
        provider = providers.get(name)
        if provider and provider.allowed_tenants and tenant.name not in provider.allowed_tenants:
            message = f"must allow tenant '{tenant.name}', and provider '{name}' does not"
            yield Problem(path, message, Reason.NOT_ALLOWED_BY_PROVIDER)


def strict_tenants_open_nothing(
    spec: AgentPipelineSpec, tenant: Tenant, _: Mapping[str, ModelProviderSpec]
) -> Iterator[Problem]:
    if not tenant.spec.isolation.strict:
        return
    for index, rule in enumerate(spec.egress):
        message = (
            f"must be left out, and opens '{_where(rule)}': tenant '{tenant.name}' has"
            " `isolation.networkPolicy: Strict`, by which workers reach the gateway and DNS only"
        )
        yield Problem(f"spec.egress[{index}]", message, Reason.NOT_ALLOWED_BY_TENANT)


def egress_is_allowed(
    spec: AgentPipelineSpec, tenant: Tenant, _: Mapping[str, ModelProviderSpec]
) -> Iterator[Problem]:
    if tenant.spec.isolation.strict:
        return  # what the rule above says is the whole answer
    for index, rule in enumerate(spec.egress):
        if not any(_covers(allowed, rule) for allowed in tenant.spec.allowed.egress):
            message = (
                f"must lie within `allowed.egress` of tenant '{tenant.name}', and '{_where(rule)}'"
                f" with ports {', '.join(map(str, rule.ports))} does not"
            )
            yield Problem(f"spec.egress[{index}]", message, Reason.NOT_ALLOWED_BY_TENANT)


RULES: Final = (
    images_are_allowed,
    tenant_allows_providers,
    providers_allow_tenant,
    strict_tenants_open_nothing,
    egress_is_allowed,
)


def wanted_providers(spec: AgentPipelineSpec) -> Iterator[tuple[str, str]]:
    """Name every provider that a pipeline refers to, and where."""
    for index, model in enumerate(spec.models):
        path = f"spec.models[{index}]"
        yield f"{path}.providerRef.name", model.provider_ref.name
        for place, fallback in enumerate(model.fallbacks):
            yield f"{path}.fallbacks[{place}].providerRef.name", fallback.provider_ref.name


def _where(rule: EgressRule) -> str:
    return rule.cidr or f"namespace {rule.namespace}"


def _covers(allowed: EgressRule, wanted: EgressRule) -> bool:
    if not set(wanted.ports) <= set(allowed.ports):
        return False
    if allowed.cidr is None or wanted.cidr is None:
        return allowed.namespace is not None and allowed.namespace == wanted.namespace
    outer, inner = ipaddress.ip_network(allowed.cidr), ipaddress.ip_network(wanted.cidr)
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
