"""`AgentPipeline`: steps, the worker pools that run them, and how they are retried."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from headrace_contract.resources.base import (
    Cidr,
    DnsLabel,
    Duration,
    JsonSchema,
    ModelClass,
    ModelName,
    Port,
    Reference,
    Spec,
    Status,
    StepName,
    StopPolicy,
    as_set,
    atomic,
    listed_by,
    rule,
    rules,
)

Template = Annotated[str, StringConstraints(min_length=1, max_length=32768)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Quantity = Annotated[
    str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=24)
]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Image = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class InputSpec(Spec):
    """What a run is given."""

    schema_: Annotated[JsonSchema | None, Field(alias="schema")] = None
    """JSON Schema (2020-12) that the input of each run must satisfy; any JSON object when absent."""
    max_bytes: Annotated[int, Field(ge=1, le=1048576)] = 262144
    """Largest input in bytes of JSON; 262144 by default."""


class OutputSpec(Spec):
    """What a run answers."""

    schema_: Annotated[JsonSchema | None, Field(alias="schema")] = None
    """JSON Schema that the output of each run must satisfy, else the run fails as InvalidOutput."""


class LLMStep(Spec):
    """A prompt over the run's input and the outputs of earlier steps."""

    class_: Annotated[ModelClass, Field(alias="class")]
    """Model class, one of `spec.models`."""
    system: Template | None = None
    """Template of the system message; none when absent."""
    prompt: Template
    """Template (sandboxed Jinja2) of the user message, over `input` and `steps.<name>.output`."""
    schema_: Annotated[JsonSchema | None, Field(alias="schema")] = None
    """JSON Schema of the answer; the output is then the parsed JSON, with one repair turn."""
    max_tokens: Annotated[int, Field(ge=1, le=1000000)] = 1024
    """Most tokens of one answer; 1024 by default."""
    temperature: (
        Annotated[str, StringConstraints(pattern=r"^[0-2](\.[0-9]{1,3})?$", max_length=5)] | None
    ) = None
    """Sampling temperature as a decimal string such as '0.2'; the provider's default when absent."""


class HttpHeader(Spec):
    """One header of a request."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$", max_length=128)]
    """Name of the header."""
    value: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """Its value, as it stands."""
    value_from_env: EnvName | None = None
    """Name of a variable of the pool's environment that holds the value (for secrets)."""


class HTTPStep(Spec):
    """One request to an address that `spec.egress` opens."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    """Method of the request; GET by default."""
    url: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    """Template of the address, http or https."""
    headers: Annotated[
        list[HttpHeader],
        Field(
            max_length=32,
            json_schema_extra={
                **listed_by("name"),
                **rules(
                    rule(
                        "self.all(h, has(h.value) != has(h.valueFromEnv))",
                        "each header must have exactly one of `value` and `valueFromEnv`",
                    )
                ),
            },
        ),
    ] = []
    """Headers of the request."""
    body: Template | None = None
    """Template of the body; none when absent."""
    success_codes: Annotated[
        list[Annotated[int, Field(ge=100, le=599)]],
        Field(min_length=1, max_length=32, json_schema_extra=as_set()),
    ] = [200, 201, 202, 204]
    """Status codes that count as success; 200, 201, 202 and 204 by default."""


class PythonStep(Spec):
    """A function of the pool's image."""

    function: Annotated[
        str,
        StringConstraints(
            pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$", max_length=253
        ),
    ]
    """`module:function`, sync or async; called with one context object, returns JSON."""


class Step(Spec):
    """One node of the pipeline's graph."""

    name: StepName
    """Name of the step, unique in the pipeline."""
    type: Literal["LLM", "HTTP", "Python"]
    """What the step does; the member of the same name (in lower case) says how."""
    depends_on: Annotated[list[StepName], Field(max_length=63, json_schema_extra=as_set())] = []
    """Steps that must be done or skipped before this one starts."""
    when: Expression | None = None
    """CEL over `input` and `steps`; false skips the step, and dependants see no output of it."""
    pool: DnsLabel | None = None
    """Pool that runs the step; the first of `spec.pools` when absent."""
    timeout: Duration = "5m"
    """Longest time that one attempt may take; 5m by default."""
    llm: LLMStep | None = None
    """How a step of type LLM asks its model."""
    http: HTTPStep | None = None
    """What a step of type HTTP requests."""
    python: PythonStep | None = None
    """What a step of type Python calls."""


class Resources(Spec):
    """Compute resources of one worker pod."""

    cpu: Quantity = "250m"
    """CPU that is requested; 250m by default."""
    memory: Quantity = "256Mi"
    """Memory that is requested and the limit of it; 256Mi by default."""
    cpu_limit: Quantity | None = None
    """Limit of CPU; none when absent."""


class EnvVar(Spec):
    """One plain variable; secrets come by `envFrom`."""

    name: EnvName
    """Name of the variable; names that begin with HEADRACE_ and OPENAI_ are headrace's own."""
    value: Annotated[str, StringConstraints(max_length=8192)]
    """Its value."""


class EnvFrom(Spec):
    """Variables from a Secret of the pipeline's namespace, read by the kubelet and nobody else."""

    secret_ref: Reference
    """The Secret whose keys become variables."""


class Scaling(Spec):
    """How many workers a pool may have."""

    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 0
    """Fewest workers; 0 by default, so that an idle pool costs nothing."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 10
    """Most workers; 10 by default."""
    idle_after: Duration = "60s"
    """How long a pool must be without work before it shrinks; 60s by default."""


class Drain(Spec):
    """How a worker leaves."""

    timeout: Duration | None = None
    """Time for running steps to end after SIGTERM; the longest step timeout, 5m at most, when absent."""


class Pool(Spec):
    """Workers of one kind."""

    name: DnsLabel
    """Name of the pool, unique in the pipeline."""
    image: Image | None = None
    """Image of the workers, headrace's worker image or one built on it; the former when absent."""
    resources: Resources = Field(default_factory=Resources)
    """Compute resources of each worker."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=64,
            json_schema_extra={
                **listed_by("name"),
                **rules(
                    rule(
                        "self.all(e, !e.name.matches('^(HEADRACE_|OPENAI_)'))",
                        "names that begin with 'HEADRACE_' or 'OPENAI_' are set by headrace",
                    )
                ),
            },
        ),
    ] = []
    """Plain variables of the workers."""
    env_from: Annotated[list[EnvFrom], Field(max_length=8, json_schema_extra=atomic())] = []
    """Secrets whose keys become variables of the workers."""
    concurrency_per_worker: Annotated[int, Field(ge=1, le=100)] = 4
    """How many steps one worker runs at a time; 4 by default."""
    scaling: Annotated[
        Scaling,
        Field(
            json_schema_extra=rules(
                rule(
                    "self.minReplicas <= self.maxReplicas",
                    "`minReplicas` must be at most `maxReplicas`",
                )
            )
        ),
    ] = Field(default_factory=Scaling)
    """How many workers there may be."""
    drain: Drain = Field(default_factory=Drain)
    """How a worker leaves."""


class ModelTarget(Spec):
    """One model of one provider."""

    provider_ref: Reference
    """The ModelProvider."""
    model: ModelName | None = None
    """Name of the model as the provider knows it; the provider's model of this class when absent."""


class PipelineModel(Spec):
    """What a model class means in this pipeline."""

    class_: Annotated[ModelClass, Field(alias="class")]
    """Name of the class, as steps use it."""
    provider_ref: Reference
    """The ModelProvider that serves the class."""
    model: ModelName | None = None
    """Name of the model as the provider knows it; the provider's model of this class when absent."""
    fallbacks: Annotated[list[ModelTarget], Field(max_length=4, json_schema_extra=atomic())] = []
    """Models to ask in this order when the one before fails as the provider's fault."""


class EgressRule(Spec):
    """Where workers may connect to, beside the gateway and DNS."""

    cidr: Cidr | None = None
    """Range of addresses, such as '203.0.113.0/24'."""
    namespace: DnsLabel | None = None
    """Namespace whose pods may be reached."""
    ports: Annotated[list[Port], Field(min_length=1, max_length=16, json_schema_extra=as_set())] = [
        443
    ]
    """TCP ports; 443 by default."""


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
    backoff: Backoff = Field(default_factory=Backoff)
    """How long to wait between attempts."""


class PerRun(Spec):
    """Limits of one run."""

    max_duration: Duration = "24h"
    """Longest time from acceptance to the end, after which the run fails as Timeout; 24h by default."""


class PipelineLimits(Spec):
    """Limits of the pipeline itself."""

    max_concurrent_runs: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Most runs that are under way at once, others wait in order; no limit when absent."""
    per_run: PerRun = Field(default_factory=PerRun)
    """Limits of one run."""


class Results(Spec):
    """What is kept of a run."""

    ttl: Duration = "168h"
    """How long a finished run is kept; 168h by default."""


class AgentPipelineSpec(Spec):
    """What an application team wants."""

    tenant_ref: Reference | None = None
    """The AgentTenant; the tenant that lists the namespace when absent."""
    tier: Literal["Async"] = "Async"
    """How runs are executed: queued, step by step, with checkpoints."""
    stop_policy: StopPolicy = "None"
    """'Hold' starts no step, 'HoldAndDrain' interrupts running steps too; 'None' by default."""
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
    backlog: Backlog = Field(default_factory=Backlog)
    """Tasks by what they wait for."""
    workers: Workers = Field(default_factory=Workers)
    """Worker pods over all pools."""
