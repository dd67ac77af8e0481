"""What is in force of a pipeline: its own fields between its tenant's defaults and overrides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from headrace_contract.priority import Priority, above
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_contract.resources.agent_tenant import AgentTenantSpec
from headrace_contract.resources.base import Spec
from headrace_contract.resources.overrides import EffectiveValue, PipelineFields
from headrace_contract.resources.pools import Pool

Source = Literal["TenantDefault", "TenantOverride", "TenantCeiling"]
S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, slots=True)
class Effective:
    """A pipeline as it is compiled, and the values in it that are not its own."""

    spec: AgentPipelineSpec
    given: tuple[EffectiveValue, ...]
    """One per field, in the order of their paths."""


def effective(pipeline: AgentPipelineSpec, tenant: AgentTenantSpec) -> Effective:
    """Fill in what the pipeline leaves out by the tenant's defaults, then put what is imposed."""
    told: dict[str, EffectiveValue] = {}
    spec = _laid(pipeline, tenant.defaults, "TenantDefault", told)
    spec = _laid(spec, tenant.overrides, "TenantOverride", told)
    spec = _capped(spec, tenant.max_priority, told)
    return Effective(spec, tuple(told[path] for path in sorted(told)))


def _laid(
    spec: AgentPipelineSpec,
    wish: PipelineFields,
    source: Source,
    told: dict[str, EffectiveValue],
) -> AgentPipelineSpec:
    flat = _merged(spec, wish.model_copy(update={"pools": None}), "spec", source, told)
    if wish.pools is None:
        return flat
    pools = [
        _fitting(pool, _merged(pool, wish.pools, path, source, told), path, source, told)
        for path, pool in ((f"spec.pools[{n}]", pool) for n, pool in enumerate(spec.pools))
    ]
    return flat.model_copy(update={"pools": pools})


def _merged(target: S, wish: Spec, path: str, source: Source, told: dict[str, EffectiveValue]) -> S:
    """Put every value of `wish` at its place; a default only where nobody gave one."""
    update: dict[str, Any] = {}
    for name, field in type(wish).model_fields.items():
        value = getattr(wish, name)
        here = f"{path}.{field.alias}"
        if isinstance(value, Spec):
            update[name] = _merged(getattr(target, name), value, here, source, told)
        elif value is not None and (source == "TenantOverride" or not _given(target, name)):
            update[name] = value
            told[here] = EffectiveValue(field=here, value=str(value), source=source)
    return target.model_copy(update=update)


def _capped(
    spec: AgentPipelineSpec, ceiling: Priority, told: dict[str, EffectiveValue]
) -> AgentPipelineSpec:
    if not above(spec.priority, ceiling):
        return spec
    here = "spec.priority"
    told[here] = EffectiveValue(field=here, value=ceiling, source="TenantCeiling")
    return spec.model_copy(update={"priority": ceiling})


def _given(target: Spec, name: str) -> bool:
    return name in target.model_fields_set and getattr(target, name) is not None


def _fitting(
    before: Pool, pool: Pool, path: str, source: Source, told: dict[str, EffectiveValue]
) -> Pool:
    """Keep the least at most the most: an override takes it down, a default gives way to it."""
    least, most = pool.scaling.min_replicas, pool.scaling.max_replicas
    if least <= most or most == before.scaling.max_replicas:
        return pool
    name, alias, value = (
        ("min_replicas", "minReplicas", most)
        if source == "TenantOverride"
        else ("max_replicas", "maxReplicas", least)
    )
    here = f"{path}.scaling.{alias}"
    told[here] = EffectiveValue(field=here, value=str(value), source=source)
    return pool.model_copy(update={"scaling": pool.scaling.model_copy(update={name: value})})
