"""What every builder of a plan is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headrace_contract.resources.isolation import WorkerAccount
from headrace_operator.plan.stamp import Owner

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline, CompiledPool
    from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
    from headrace_contract.resources.pools import Pool
    from headrace_operator.model.identity import Identity


@dataclass(frozen=True, slots=True)
class Site:
    """Where the installation is: what the chart says, the same for every pipeline."""

    gateway_url: str
    worker_image: str
    system_namespace: str
    node_cidrs: tuple[str, ...] = ()
    """Where the nodes are: no pipeline may open these."""


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """A pipeline that was accepted."""

    site: Site
    pipeline: Identity
    spec: AgentPipelineSpec
    compiled: CompiledPipeline
    keda: bool
    account: WorkerAccount = field(default_factory=WorkerAccount)
    """What its tenant says of the accounts that workers run as."""

    @property
    def owner(self) -> Owner:
        return Owner(self.pipeline, self.compiled.tenant)


@dataclass(frozen=True, slots=True)
class PoolContext:
    """One pool of it."""

    whole: PipelineContext
    pool: Pool
    compiled: CompiledPool

    @property
    def owner(self) -> Owner:
        return Owner(self.whole.pipeline, self.whole.compiled.tenant, self.pool.name)
