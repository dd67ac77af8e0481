"""Everything that one pass knows, gathered once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_contract.problem import Problem
    from headrace_contract.resources.agent_pipeline import AgentPipelineSpec, Backlog
    from headrace_contract.resources.agent_tenant import AgentTenantSpec
    from headrace_contract.resources.model_provider import ModelProviderSpec
    from headrace_contract.resources.overrides import EffectiveValue
    from headrace_operator.model.counted import Cap
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.spend import MonthSpend
    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.model.usage import Cooldown, Usage


@dataclass(frozen=True, slots=True)
class PipelineSeen:
    """A pipeline and what it hangs on."""

    identity: Identity
    status: Mapping[str, Any]
    """As we left it the last time."""
    spec: AgentPipelineSpec | None
    """As it is in force: with its tenant's defaults and overrides."""
    problems: tuple[Problem, ...]
    tenant: Tenant | None
    providers: Mapping[str, ModelProviderSpec]
    keda: bool
    backlog: Backlog | None
    """None while nobody could count."""
    caps: tuple[Cap, ...] = ()
    """Pools that may not have the workers that their work would take."""
    children: tuple[Mapping[str, Any], ...] = ()
    effective: tuple[EffectiveValue, ...] = ()
    """What in the spec is not the pipeline's own."""


@dataclass(frozen=True, slots=True)
class TenantSeen:
    """A tenant, what it holds, and what it lost to older ones."""

    identity: Identity
    status: Mapping[str, Any]
    spec: AgentTenantSpec | None
    problems: tuple[Problem, ...]
    held: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)
    pipelines: int = 0
    usages: tuple[Usage, ...] | None = None
    """How its limits and budgets stand; None while nobody could ask."""
    spend: tuple[MonthSpend, ...] | None = None
    """What the month costs; None while nobody has asked."""


@dataclass(frozen=True, slots=True)
class ProviderSeen:
    """A provider and how many lean on it."""

    identity: Identity
    status: Mapping[str, Any]
    spec: ModelProviderSpec | None
    problems: tuple[Problem, ...]
    pipelines: int = 0
    usages: tuple[Usage, ...] | None = None
    """How its limits stand; None while nobody could ask."""
    learnt: tuple[Usage, ...] = ()
    """How those limits stand that it says itself."""
    cooldown: Cooldown | None = None
