"""From a pipeline's spec to what worker and gateway read: defaults filled in, classes resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace_contract.compiled import (
    CompiledEgress,
    CompiledHeader,
    CompiledHTTP,
    CompiledKey,
    CompiledLLM,
    CompiledModel,
    CompiledPipeline,
    CompiledPool,
    CompiledPython,
    CompiledRetry,
    CompiledStep,
    CompiledTarget,
)
from headrace_contract.priority import Priority
from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec, ModelTarget, PipelineModel
from headrace_contract.resources.base import JsonSchema, parse_duration
from headrace_contract.resources.model_provider import ModelProviderSpec
from headrace_contract.resources.pools import Pool
from headrace_contract.resources.steps import HTTPStep, LLMStep, Step

LONGEST_DRAIN_SECONDS: Final = 300.0
IDLE_DRAIN_SECONDS: Final = 10.0  # of a pool that no step names

Providers = Mapping[str, ModelProviderSpec]


def compile_pipeline(  # noqa: PLR0913 -- an object's identity and its spec; all are keywords
    *,
    tenant: str,
    namespace: str,
    name: str,
    uid: str,
    generation: int,
    spec: AgentPipelineSpec,
    providers: Providers,
    max_priority: Priority = "High",
) -> CompiledPipeline | list[Problem]:
    """Compile a spec that `check_pipeline` found nothing wrong with, or say what is not there."""
    models, problems = _models(spec, providers)
    problems += _windows_exceeded(spec.steps, models, providers)
    if problems:
        return problems
    default_pool = spec.pools[0].name
    backoff = spec.retry.backoff
    outputs = {name: _document(spec.output.schema_) for name in last_steps(spec.steps)}
    return CompiledPipeline(
        tenant=tenant,
        namespace=namespace,
        name=name,
        uid=uid,
        generation=generation,
        input_schema=_document(spec.input.schema_),
        input_max_bytes=spec.input.max_bytes,
        steps=[_step(step, default_pool, outputs.get(step.name)) for step in spec.steps],
        pools=[_pool(pool, spec.steps, default_pool) for pool in spec.pools],
        models=models,
        egress=[
            CompiledEgress(cidr=rule.cidr, namespace=rule.namespace, ports=list(rule.ports))
            for rule in spec.egress
        ],
        retry=CompiledRetry(
            max_attempts=spec.retry.max_attempts,
            initial_seconds=_seconds(backoff.initial),
            max_seconds=_seconds(backoff.max),
        ),
        priority=spec.priority,
        max_priority=max_priority,
        max_concurrent_runs=spec.limits.max_concurrent_runs,
        keys=[
            CompiledKey(name=one.name, key=one.key, limit=one.limit, on_exceed=one.on_exceed)
            for one in spec.limits.per_key
        ],
        run_seconds=_seconds(spec.limits.per_run.max_duration),
        result_seconds=_seconds(spec.results.ttl),
    ).sealed()


def drain_seconds(pool: Pool, steps: list[Step], default_pool: str) -> float:
    """Say how long running steps of a pool get after SIGTERM."""
    if pool.drain.timeout is not None:
        return _seconds(pool.drain.timeout)
    timeouts = [
        _seconds(step.timeout) for step in steps if pool.name == (step.pool or default_pool)
    ]
    return min(max(timeouts, default=IDLE_DRAIN_SECONDS), LONGEST_DRAIN_SECONDS)


def _pool(pool: Pool, steps: list[Step], default_pool: str) -> CompiledPool:
    return CompiledPool(
        name=pool.name,
        concurrency_per_worker=pool.concurrency_per_worker,
        max_replicas=pool.scaling.max_replicas,
        drain_seconds=drain_seconds(pool, steps, default_pool),
    )


def last_steps(steps: list[Step]) -> list[str]:
    """Return the names of the steps that no other depends on: what they put out is the output."""
    waited_for = {name for step in steps for name in step.depends_on}
    return [step.name for step in steps if step.name not in waited_for]


def _step(step: Step, default_pool: str, output_schema: dict[str, Any] | None) -> CompiledStep:
    return CompiledStep(
        name=step.name,
        type=step.type,
        depends_on=list(step.depends_on),
        when=step.when,
        pool=step.pool or default_pool,
        timeout_seconds=_seconds(step.timeout),
        llm=_llm(step.llm) if step.llm else None,
        http=_http(step.http) if step.http else None,
        python=CompiledPython(function=step.python.function) if step.python else None,
        output_schema=output_schema,
    )


def _llm(step: LLMStep) -> CompiledLLM:
    return CompiledLLM(
        model_class=step.class_,
        system=step.system,
        prompt=step.prompt,
        answer_schema=_document(step.schema_),
        max_tokens=step.max_tokens,
        temperature=step.temperature,
    )


def _http(step: HTTPStep) -> CompiledHTTP:
    return CompiledHTTP(
        method=step.method,
        url=step.url,
        headers=[
            CompiledHeader(
                name=header.name, value=header.value, value_from_env=header.value_from_env
            )
            for header in step.headers
        ],
        body=step.body,
        success_codes=list(step.success_codes),
    )


def _models(
    spec: AgentPipelineSpec, providers: Providers
) -> tuple[list[CompiledModel], list[Problem]]:
    models: list[CompiledModel] = []
    problems: list[Problem] = []
    for index, model in enumerate(spec.models):
        targets: list[CompiledTarget] = []
        for path, wish in _wishes(f"spec.models[{index}]", model):
            found = _target(path, model.class_, wish, providers)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                targets.append(found)
        models.append(CompiledModel(model_class=model.class_, targets=targets))
    return models, problems


def _wishes(path: str, model: PipelineModel) -> list[tuple[str, ModelTarget | PipelineModel]]:
    """List the model and its fallbacks in the order in which they are asked."""
    fallbacks = enumerate(model.fallbacks)
    return [(path, model), *((f"{path}.fallbacks[{index}]", one) for index, one in fallbacks)]


def _target(
    path: str, model_class: str, wish: ModelTarget | PipelineModel, providers: Providers
) -> CompiledTarget | Problem:
    name = wish.provider_ref.name
    provider = providers.get(name)
    if provider is None:
        message = f"must name a ModelProvider that exists, and '{name}' does not"
        return Problem(f"{path}.providerRef.name", message, Reason.PROVIDER_NOT_FOUND)
    served = [model.name for model in provider.models]
    if wish.model is not None and wish.model not in served:
        message = f"must be a model of provider '{name}' ({quoted(served)}), not '{wish.model}'"
        return Problem(f"{path}.model", message, Reason.MODEL_NOT_FOUND)
    meant = wish.model or next(
        (model.name for model in provider.models if model_class in model.classes), None
    )
    if meant is None:
        message = (
            f"must be set, since no model of provider '{name}' serves class '{model_class}';"
            f" it may be one of {quoted(served)}"
        )
        return Problem(f"{path}.model", message, Reason.MODEL_NOT_FOUND)
    return CompiledTarget(provider=name, model=meant)


def _windows_exceeded(
    steps: list[Step], models: list[CompiledModel], providers: Providers
) -> Iterator[Problem]:
    """Find steps whose answer alone would be more than one of their models can hold."""
    targets = {model.model_class: model.targets for model in models}
    for index, step in enumerate(steps):
        if step.llm is None:
            continue
        for target in targets.get(step.llm.class_, ()):
            served = {model.name: model for model in providers[target.provider].models}
            window = served[target.model].context_window
            if window is not None and step.llm.max_tokens > window:
                message = (
                    f"must be at most {window}, which prompt and answer share in model"
                    f" '{target.model}' of provider '{target.provider}'"
                )
                yield Problem(f"spec.steps[{index}].llm.maxTokens", message, Reason.MODEL_TOO_SMALL)


def _document(schema: JsonSchema | None) -> dict[str, Any] | None:
    return None if schema is None else dict(schema)


def _seconds(duration: str) -> float:
    return parse_duration(duration).total_seconds()
