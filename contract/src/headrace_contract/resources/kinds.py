"""The kinds, as the API server, the operator and the CLI know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from headrace_contract.resources.agent_pipeline import AgentPipelineSpec, AgentPipelineStatus
from headrace_contract.resources.agent_tenant import AgentTenantSpec, AgentTenantStatus
from headrace_contract.resources.base import Spec, Status
from headrace_contract.resources.model_provider import ModelProviderSpec, ModelProviderStatus


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource."""

    name: str
    plural: str
    short: str
    scope: Literal["Namespaced", "Cluster"]
    description: str
    spec: type[Spec]
    status: type[Status]


AGENT_PIPELINE: Final = Kind(
    "AgentPipeline",
    "agentpipelines",
    "apl",
    "Namespaced",
    "AgentPipeline is a graph of steps and the workers that run them.",
    AgentPipelineSpec,
    AgentPipelineStatus,
)
AGENT_TENANT: Final = Kind(
    "AgentTenant",
    "agenttenants",
    "aten",
    "Cluster",
    "AgentTenant says whose namespaces these are and what pipelines in them may use.",
    AgentTenantSpec,
    AgentTenantStatus,
)
MODEL_PROVIDER: Final = Kind(
    "ModelProvider",
    "modelproviders",
    "amp",
    "Cluster",
    "ModelProvider is an LLM endpoint, its models and prices, and who may use it.",
    ModelProviderSpec,
    ModelProviderStatus,
)
KINDS: Final = (AGENT_PIPELINE, AGENT_TENANT, MODEL_PROVIDER)
