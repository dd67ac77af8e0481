"""`AgentPipeline`: steps, the worker pools that run them, and how they are retried."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from headrace_contract.priority import Priority
from headrace_contract.resources.base import (
    DnsLabel,
    Duration,
    JsonSchema,
    ModelClass,
    ModelName,
    PositiveDuration,
    Reference,
    Spec,
    Status,
    StopPolicy,
    atomic,
    listed_by,
    rule,
    rules,
)
from headrace_contract.resources.budgets import Cost
from headrace_contract.resources.egress import EgressRule
from headrace_contract.resources.limits import Amount
from headrace_contract.resources.overrides import EffectiveValue
from headrace_contract.resources.pools import Pool
from headrace_contract.resources.steps import Step


class InputSpec(Spec):
    """What a run is given."""

    schema_: Annotated[JsonSchema | None, Field(alias="schema")] = None
    """JSON Schema (2020-12) that the input of each run must satisfy; any JSON when absent."""
    max_bytes: Annotated[int, Field(ge=1, le=1048576)] = 262144
    """Largest input in bytes of JSON; 262144 by default."""


class OutputSpec(Spec):
    """What a run answers."""

    schema_: Annotated[JsonSchema | None, Field(alias="schema")] = None
    """
    JSON Schema of the output of each run. The pipeline must end in one step; a run whose last
    step puts out anything else fails with `InvalidOutput`.
    """


class ModelTarget(Spec):
    """One model of one provider."""

    provider_ref: Reference
    """The ModelProvider."""
    model: ModelName | None = None
    """Name of the model at the provider; the provider's model of this class when absent."""


class PipelineModel(Spec):
    """What a model class means in this pipeline."""

    class_: Annotated[ModelClass, Field(alias="class")]
    """Name of the class, as steps use it."""
    provider_ref: Reference
    """The ModelProvider that serves the class."""
    model: ModelName | None = None
    """Name of the model at the provider; the provider's model of this class when absent."""
    fallbacks: Annotated[list[ModelTarget], Field(max_length=4, json_schema_extra=atomic())] = []
    """Models to ask in this order when the one before fails as the provider's fault."""


class Backoff(Spec):
    """How long to wait between attempts: doubled each time, with full jitter."""

    initial: Duration = "2s"
    """Wait after the first failure; 2s by default."""
    max: Duration = "60s"
    """Longest wait; 60s by default."""


class Retry(Spec):
    """How often a step is tried."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Attempts of each step before the run fails; 3 by default. A lost worker spends none."""
    backoff: Annotated[
        Backoff,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self.initial) <= duration(self.max)",
                    "`initial` must be at most `max`",
                )
            )
        ),
    ] = Field(default_factory=Backoff)
    """How long to wait between attempts."""


class PerRun(Spec):
    """Limits of one run."""

    max_duration: PositiveDuration = "24h"
    """Longest time from acceptance to the end, else the run fails as Timeout; 24h by default."""
    max_tokens: Amount | None = None
    """Most tokens of prompts and answers of one run, else it fails; no limit when absent."""
    max_cost: Cost | None = None
    """Most that the model calls of one run may cost, else it fails; no limit when absent."""
    max_llm_calls: Annotated[Amount | None, Field(alias="maxLLMCalls")] = None
    """Most model calls of one run, else it fails; no limit when absent."""


class PerKey(Spec):
    """How many runs of one key may be open at once, such as of one customer."""

    name: DnsLabel
    """Name of the limit, as messages and runs call it."""
    key: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """
    CEL over `input`: a text of up to 256 bytes, a whole number or a boolean. A run of which it
    gives null is not limited.
    """
    limit: Annotated[int, Field(ge=1, le=100000)]
    """Most runs of one key that are open at once."""
    on_exceed: Literal["Queue", "CancelOldest", "Reject"] = "Queue"
    """
    'Queue' lets a run wait for its turn, 'CancelOldest' cancels the oldest of its key in its
    favour, 'Reject' refuses the submit; 'Queue' by default.
    """


class PipelineLimits(Spec):
    """Limits of the pipeline itself."""

    max_concurrent_runs: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Most runs that are under way at once, others wait in order; no limit when absent."""
    per_key: Annotated[list[PerKey], Field(max_length=4, json_schema_extra=listed_by("name"))] = []
    """How many runs of one key may be open at once."""
    per_run: PerRun = Field(default_factory=PerRun)
    """Limits of one run."""


class Results(Spec):
    """What is kept of a run."""

    ttl: PositiveDuration = "168h"
    """How long a finished run is kept; 168h by default."""


class AgentPipelineSpec(Spec):
    """What an application team wants."""

    tenant_ref: Reference | None = None
    """The AgentTenant; the tenant that lists the namespace when absent."""
    tier: Literal["Async"] = "Async"
    """How runs are executed: queued, step by step, with checkpoints."""
    stop_policy: StopPolicy = "None"
    """'Hold' starts no step, 'HoldAndDrain' interrupts running steps too; 'None' by default."""
    priority: Priority = "Normal"
    """How urgent runs are that do not say it when they are submitted; Normal by default."""
    input: InputSpec = Field(default_factory=InputSpec)
    """What a run is given."""
    output: OutputSpec = Field(default_factory=OutputSpec)
    """What a run answers: the output of the one last step, or a map of the last steps' outputs."""
    steps: Annotated[
        list[Step],
        Field(
            min_length=1,
            max_length=64,
            json_schema_extra={
                **listed_by("name"),
                **rules(
                    rule(
                        "self.all(s, has(s.llm) == (s.type == 'LLM')"
                        " && has(s.http) == (s.type == 'HTTP')"
                        " && has(s.python) == (s.type == 'Python'))",
                        "each step must have exactly the member that its `type` names:"
                        " `llm`, `http` or `python`",
                    ),
                    rule(
                        "self.all(s, s.type != 'HTTP' || !has(s.limits))",
                        "a step of type HTTP makes no model calls, and must leave out `limits`",
                    ),
                    rule(
                        "self.all(s, !has(s.dependsOn) || !(s.name in s.dependsOn))",
                        "a step must not depend on itself",
                    ),
                ),
            },
        ),
    ]
    """The steps; those that do not depend on each other run in parallel."""
    pools: Annotated[
        list[Pool],
        Field(min_length=1, max_length=16, json_schema_extra=listed_by("name")),
    ]
    """The worker pools that run the steps."""
    models: Annotated[
        list[PipelineModel], Field(max_length=16, json_schema_extra=listed_by("class"))
    ] = []
    """What the model classes of the steps mean."""
    egress: Annotated[
        list[EgressRule],
        Field(
            max_length=32,
            json_schema_extra={
                **atomic(),
                **rules(
                    rule(
                        "self.all(e, has(e.cidr) != has(e.namespace))",
                        "each rule must have exactly one of `cidr` and `namespace`",
                    )
                ),
            },
        ),
    ] = []
    """Where workers may connect to, beside the gateway and DNS; nowhere by default."""
    retry: Retry = Field(default_factory=Retry)
    """How often a step is tried."""
    limits: PipelineLimits = Field(default_factory=PipelineLimits)
    """Limits of the pipeline."""
    results: Results = Field(default_factory=Results)
    """What is kept of a run."""


class Backlog(Spec):
    """Tasks by what they wait for; written at most once per 5 s."""

    runnable: Annotated[int, Field(ge=0)] = 0
    """Tasks that a worker could take now."""
    running: Annotated[int, Field(ge=0)] = 0
    """Tasks that a worker holds."""
    parked: Annotated[int, Field(ge=0)] = 0
    """Tasks that wait for a limit, a back-off or a provider, and start no pod."""
    dead: Annotated[int, Field(ge=0)] = 0
    """Tasks that ended as dead letters and are still kept."""


class Workers(Spec):
    """Worker pods over all pools."""

    desired: Annotated[int, Field(ge=0)] = 0
    """Workers asked for."""
    ready: Annotated[int, Field(ge=0)] = 0
    """Workers that are ready."""


class AgentPipelineStatus(Status):
    """What the operator observed."""

    tenant: Annotated[str, StringConstraints(max_length=63)] = ""
    """The tenant that the pipeline was found to belong to."""
    digest: Annotated[str, StringConstraints(max_length=71)] = ""
    """Digest of the compiled pipeline that new runs get."""
    effective: Annotated[
        list[EffectiveValue], Field(max_length=64, json_schema_extra=listed_by("field"))
    ] = []
    """Values in force that the pipeline did not give, and who did."""
    backlog: Backlog = Field(default_factory=Backlog)
    """Tasks by what they wait for."""
    workers: Workers = Field(default_factory=Workers)
    """Worker pods over all pools."""
