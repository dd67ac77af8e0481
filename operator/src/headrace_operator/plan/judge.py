"""Whether a pipeline is accepted and its references resolve; if both, what it compiles to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_contract.compile import compile_pipeline
from headrace_contract.problem import Problem
from headrace_contract.reasons import Reason
from headrace_operator.plan.admit import admit

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline
    from headrace_operator.model.seen import PipelineSeen


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with a pipeline, and where nothing is, what became of it."""

    refused: tuple[Problem, ...] = ()
    unresolved: tuple[Problem, ...] = ()
    compiled: CompiledPipeline | None = None


def judge(seen: PipelineSeen) -> Judgement:
    """Judge a pipeline by its spec, its tenant and its providers, in this order."""
    if seen.spec is None or seen.problems:
        return Judgement(refused=seen.problems)
    if seen.tenant is None:
        named = seen.spec.tenant_ref
        missing = tenant_missing(seen.identity.namespace or "", named.name if named else None)
        return Judgement(refused=(missing,))
    refused = admit(seen.spec, seen.tenant, seen.providers)
    if refused:
        return Judgement(refused=tuple(refused))
    pipeline = seen.identity
    compiled = compile_pipeline(
        tenant=seen.tenant.name,
        namespace=pipeline.namespace or "",
        name=pipeline.name,
        uid=pipeline.uid,
        generation=pipeline.generation,
        spec=seen.spec,
        providers=seen.providers,
        max_priority=seen.tenant.spec.max_priority,
    )
    if isinstance(compiled, list):
        return Judgement(unresolved=tuple(compiled))
    return Judgement(compiled=compiled)


def tenant_missing(namespace: str, named: str | None) -> Problem:
    """Say that no tenant holds the namespace, or not the one that the pipeline names."""
    if named is None:
        message = f"must be listed by an AgentTenant, and '{namespace}' is not"
        return Problem("metadata.namespace", message, Reason.TENANT_NOT_FOUND)
    message = f"must name an AgentTenant that holds namespace '{namespace}', not '{named}'"
    return Problem("spec.tenantRef.name", message, Reason.TENANT_NOT_FOUND)
