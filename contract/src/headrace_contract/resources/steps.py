"""What a step of a pipeline does: ask a model, request an address, or call a function."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from headrace_contract.resources.base import (
    DnsLabel,
    JsonSchema,
    ModelClass,
    PositiveDuration,
    Spec,
    StepName,
    as_set,
    listed_by,
    rule,
    rules,
)
from headrace_contract.resources.budgets import Cost
from headrace_contract.resources.limits import Amount

Template = Annotated[str, StringConstraints(min_length=1, max_length=32768)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]


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
    """Sampling temperature, a decimal string such as '0.2'; the provider's own when absent."""


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


class StepLimits(Spec):
    """What the model calls of one step may use."""

    max_tokens: Amount | None = None
    """Most tokens of prompts and answers in one run, else it fails; no limit when absent."""
    max_cost: Cost | None = None
    """Most that its calls may cost in one run, else it fails; no limit when absent."""
    max_llm_calls: Annotated[Amount | None, Field(alias="maxLLMCalls")] = None
    """Most model calls in one run, retries included, else it fails; no limit when absent."""
    max_concurrent_llm_calls: Annotated[Amount | None, Field(alias="maxConcurrentLLMCalls")] = None
    """Most calls at once over all runs of the pipeline, others wait; no limit when absent."""


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
    timeout: PositiveDuration = "5m"
    """Longest time that one attempt may take; 5m by default."""
    limits: StepLimits | None = None
    """What its model calls may use; a step of type HTTP makes none, and must leave it out."""
    llm: LLMStep | None = None
    """How a step of type LLM asks its model."""
    http: HTTPStep | None = None
    """What a step of type HTTP requests."""
    python: PythonStep | None = None
    """What a step of type Python calls."""
