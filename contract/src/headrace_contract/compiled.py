"""
A pipeline as worker and gateway know it: every default filled in, every reference resolved.

A run keeps the compiled pipeline that it was accepted with. Wire models ignore unknown fields,
so that an old worker can read a newer message; within a protocol version they only grow.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from headrace_contract.priority import Priority

SCHEMA_VERSION: Final = 1
PROTOCOL_VERSION: Final = 1


class Message(BaseModel):
    """Base of what travels between parts: frozen, camelCase on the wire, unknown fields ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class CompiledLLM(Message):
    """See `LLMStep`."""

    model_class: str
    system: str | None = None
    prompt: str
    answer_schema: dict[str, Any] | None = None
    max_tokens: int
    temperature: str | None = None


class CompiledHeader(Message):
    """See `HttpHeader`."""

    name: str
    value: str | None = None
    value_from_env: str | None = None


class CompiledHTTP(Message):
    """See `HTTPStep`."""

    method: str
    url: str
    headers: list[CompiledHeader] = []
    body: str | None = None
    success_codes: list[int]


class CompiledPython(Message):
    """See `PythonStep`."""

    function: str


class CompiledStep(Message):
    """One node of the graph; exactly the member that `type` names is set."""

    name: str
    type: Literal["LLM", "HTTP", "Python"]
    depends_on: list[str] = []
    when: str | None = None
    pool: str
    timeout_seconds: float
    llm: CompiledLLM | None = None
    http: CompiledHTTP | None = None
    python: CompiledPython | None = None
    output_schema: dict[str, Any] | None = None
    """What the output of the run must fit; of its last step alone."""


class CompiledPool(Message):
    """What a pool means for claims and drains."""

    name: str
    concurrency_per_worker: int
    max_replicas: int
    drain_seconds: float


class CompiledTarget(Message):
    """One model of one provider, by name: endpoint and price are looked up when it is called."""

    provider: str
    model: str


class CompiledModel(Message):
    """The targets of a class, in the order in which they are asked."""

    model_class: str
    targets: list[CompiledTarget]


class CompiledEgress(Message):
    """See `EgressRule`."""

    cidr: str | None = None
    namespace: str | None = None
    ports: list[int]


class CompiledRetry(Message):
    """See `Retry`."""

    max_attempts: int
    initial_seconds: float
    max_seconds: float


class CompiledKey(Message):
    """See `PerKey`."""

    name: str
    key: str
    limit: int
    on_exceed: Literal["Queue", "CancelOldest", "Reject"]


class CompiledPipeline(Message):
    """The whole pipeline; `digest` names the content of everything but itself and `generation`."""

    schema_version: int = SCHEMA_VERSION
    tenant: str
    namespace: str
    name: str
    uid: str
    generation: int
    digest: str = ""
    input_schema: dict[str, Any] | None = None
    input_max_bytes: int
    steps: list[CompiledStep]
    pools: list[CompiledPool]
    models: list[CompiledModel] = []
    egress: list[CompiledEgress] = []
    retry: CompiledRetry
    # Left out where they say nothing, so that what says nothing of them keeps its digest.
    priority: Priority = Field("Normal", exclude_if=lambda given: given == "Normal")
    """Of a run whose submit asks for none."""
    max_priority: Priority = Field("High", exclude_if=lambda given: given == "High")
    """The most that a submit may ask for."""
    max_concurrent_runs: int | None = None
    keys: list[CompiledKey] = Field([], exclude_if=lambda given: not given)
    run_seconds: float
    result_seconds: float

    def step(self, name: str) -> CompiledStep:
        """Return the step of this name; raise KeyError if there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def sealed(self) -> CompiledPipeline:
        """Return the same pipeline with its digest, `sha256:` and 64 hex digits."""
        content = self.model_copy(update={"digest": "", "generation": 0}).model_dump_json()
        digest = hashlib.sha256(content.encode()).hexdigest()
        return self.model_copy(update={"digest": f"sha256:{digest}"})
