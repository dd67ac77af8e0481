"""
What clients of the gateway send and get: runs, costs, API keys, problems.

The body of a submit is the run's input itself, so it has no model here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from headrace_contract.compiled import Message

Scope = Literal["submit", "read", "operate"]
CostBy = Literal["tenant", "pipeline", "step", "model", "run"]


class RunLinks(Message):
    """Where to look further; paths on the gateway."""

    self_: str = Field(alias="self")
    events: str
    cancel: str


class RunAccepted(Message):
    """`202`: the run is in the ledger."""

    id: str
    status: str
    links: RunLinks


class DryRunLimit(Message):
    """A limit that a call of the run would meet; amounts of `cost` are billionths."""

    name: str
    of: str
    """Whose it is: tenant, provider or pipeline."""
    resource: str
    window: str
    available: int
    blocks: bool
    """Whether the run's largest call would have to wait now."""
    too_small: bool
    """Whether that call may use more than the whole limit, so that its step would fail."""
    resets_at: datetime | None = None


class DryRunKey(Message):
    """A limit per key that the run would meet."""

    name: str
    key: str
    limit: int
    open: int
    """How many runs of this key are open now."""
    on_exceed: str


class DryRun(Message):
    """`200` of `?dryRun=true`: nothing was written; `accepted` says what of a real submit.

    Tokens and cost are the most that one call of each LLM step can use; `cost` is a decimal
    string, absent where prices are missing or of several currencies.
    """

    accepted: bool = True
    keys: list[DryRunKey] = []
    limits: list[DryRunLimit] = []
    input_tokens: int
    output_tokens: int
    cost: str | None = None
    currency: str | None = None
    ahead: int
    """Tasks of the pipeline that wait already, for a worker or for a limit."""


class RunError(Message):
    """Why a run did not succeed."""

    error_class: str
    message: str


class RunUsage(Message):
    """What the run's model calls used; `cost` is a decimal string, absent when unknown."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: str | None = None
    currency: str | None = None


class StepView(Message):
    """One step of a run."""

    step: str
    state: str
    attempt: int
    losses: int = 0
    ready_at: datetime | None = None
    error_class: str | None = None
    message: str | None = None


class RunView(Message):
    """A run as people and programs see it; a list omits `input`, `output` and `steps`."""

    id: str
    namespace: str
    pipeline: str
    status: str
    reason: str | None = None
    """Why a `Pending` run may not begin yet: `WaitingForKey` or `WaitingForConcurrency`."""
    priority: str = "Normal"
    deadline: datetime | None = None
    digest: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    traceparent: str
    usage: RunUsage
    input: Any = None
    output: Any = None
    error: RunError | None = None
    steps: list[StepView] = []
    links: RunLinks


class RunList(Message):
    """Runs of a pipeline, the youngest first."""

    items: list[RunView]
    next_cursor: str | None = None


class CancelAnswer(Message):
    """What became of a cancel: `accepted` is false when the run was over already."""

    id: str
    status: str
    accepted: bool


class KeyRequest(Message):
    """`POST /v1/keys`: make an API key; only the platform's own account names a tenant."""

    name: str = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(min_length=1, max_length=3)
    tenant: str | None = Field(default=None, min_length=1, max_length=63)
    expires_in_seconds: int | None = Field(default=None, ge=60, le=315_360_000)


class KeyRotationRequest(Message):
    """`POST /v1/keys/{id}/rotate`: a new key in place of an old one, which lives on for a while."""

    tenant: str | None = Field(default=None, min_length=1, max_length=63)
    overlap_seconds: int = Field(default=86_400, ge=0, le=2_592_000)


class KeyView(Message):
    """An API key without its secret."""

    id: str
    name: str
    tenant: str
    prefix: str
    scopes: list[str]
    created_by: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class KeyCreated(KeyView):
    """The answer that holds the key's text: it is shown once and stored nowhere."""

    key: str


class KeyList(Message):
    items: list[KeyView]


class CostItem(Message):
    """What calls of one tenant used, by one key and in one currency, which never mix.

    `key` is a tenant, `namespace/pipeline`, `namespace/pipeline/step`, `provider/model` or a run;
    empty for calls of what has been forgotten. `cost` is a decimal string; calls without a price
    are an item without it.
    """

    tenant: str
    key: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: str | None = None
    currency: str | None = None


class WorkerCost(Message):
    """What the workers of one tenant or pipeline cost, by the tenant's `workerPrice`."""

    tenant: str
    key: str
    hours: str
    """How long workers were ready, all together; a decimal string."""
    cost: str
    currency: str


class CostView(Message):
    """What model calls cost in whole UTC days; `until` is the first that is not counted.

    With `by` tenant or pipeline, what workers cost stands beside it.
    """

    by: CostBy
    since: date
    until: date
    items: list[CostItem]
    workers: list[WorkerCost] = []


class ProblemView(Message):
    """`application/problem+json`, as every refusal is told."""

    type: str = "about:blank"
    title: str
    status: int
    reason: str
    detail: str | None = None
