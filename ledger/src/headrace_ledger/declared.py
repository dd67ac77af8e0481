"""What stands in the ledger beside runs: tenants, providers, pipelines, pools, keys, counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant and the namespaces that it holds (already free of conflicts)."""

    tenant: str
    uid: str
    namespaces: tuple[str, ...]
    stop_policy: str = "None"
    weight: int = 1
    """Share of a limit of all tenants, while several want more than it has."""


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit. Amounts are tokens, calls, or (resource `cost`) billionths of the currency."""

    name: str
    """Unique within its owner."""
    resource: str
    """tokens, inputTokens, outputTokens, requests, llmCalls, cost, runs or workers."""
    window: str
    """1s, 1m, 1h, 1d (sliding), CalendarDay, CalendarMonth, None (at once) or Run (of one run)."""
    capacity: int
    zone: str = "UTC"
    enforced: bool = True
    """False in Shadow mode: counted, and what it would have blocked too."""
    spec: str = "{}"
    """JSON, for the gateway: whom the limit concerns and what happens at it."""
    cohort: str | None = None
    """A word: limits that have the same one lend to one another what they do not use."""
    borrowing: int | None = None
    """Most that it may borrow; whatever there is when absent."""
    lending: int | None = None
    """Most that it lends; all that it does not use when absent."""


@dataclass(frozen=True, slots=True)
class LimitSet:
    """Everything that one owner declares: 'tenant', 'provider/NAME' or 'pipeline/UID'."""

    tenant: str
    owner: str
    digest: str
    limits: tuple[LimitRow, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as the gateway needs it."""

    tenant: str
    id: int
    owner: str
    name: str
    resource: str
    window: str
    capacity: int
    enforced: bool
    spec: str


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A model provider, as the gateway needs it; kept under the reserved tenant `_platform`."""

    name: str
    uid: str
    spec: str
    digest: str


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool of a pipeline, and the objects that prove who works and who scales for it."""

    name: str
    concurrency_per_worker: int
    max_replicas: int
    scaled_object: str


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """A step, its pool and what it waits for; what the graph means to the ledger."""

    step: str
    type: str
    pool: str
    depends_on: tuple[str, ...]
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class KeyRow:
    """How many runs of one key may be open at once, and what becomes of more."""

    name: str
    limit: int
    on_exceed: str
    """Queue, CancelOldest or Reject."""


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A version of a pipeline; put again with the same digest it changes nothing but the policy."""

    tenant: str
    uid: str
    namespace: str
    name: str
    generation: int
    digest: str
    compiled: str
    service_account: str
    service_account_uid: str
    """Empty while there is no such account: then nobody works for the pipeline."""
    stop_policy: str
    steps: tuple[EdgeRow, ...]
    pools: tuple[PoolRow, ...]
    max_attempts: int
    backoff_initial_seconds: float
    backoff_max_seconds: float
    max_concurrent_runs: int | None
    run_seconds: float
    result_seconds: float
    keys: tuple[KeyRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Remaining:
    """What still stands in the way of a deletion."""

    running: int
    unfinished: int


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    tenant: str
    id: str
    prefix: str
    hash: bytes
    name: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute or two; None also where it was not asked for."""


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """A pool as the gateway knows it."""

    tenant: str
    pool_id: int
    pipeline_id: int
    """The ledger's own; it names one object of that name, as its UID does."""
    pipeline_uid: str
    namespace: str
    pipeline: str
    pool: str
    service_account: str
    service_account_uid: str
    scaled_object: str
    concurrency_per_worker: int
    max_replicas: int
    held: bool
    draining: bool


@dataclass(frozen=True, slots=True)
class PoolCounts:
    tenant: str
    pool_id: int
    namespace: str
    pipeline: str
    pool: str
    runnable: int
    running: int
    parked: int
    dead: int
    oldest_runnable_seconds: float
    held: bool
    let_go: int | None = None
    """While tasks of the pool wait for a limit: the runnable ones that the limits have let go."""
    workers_asked: int | None = None
    """While the tenant has a limit of workers: how many the pool's work would take."""
    workers_granted: int | None = None
    """While such a limit is enforced: how many of these there may be."""
    workers_wanted: int = 0
    """How many all of its work would take, with what is parked for a limit."""
    workers_fed: int | None = None
    """How many of these its limits of calls can feed; None for all that the pool may have."""
    workers_fed_by: str | None = None
    """What feeds no more, for people."""


@dataclass(frozen=True, slots=True)
class UsualCall:
    """What a model call of a step usually takes: tokens, money, seconds."""

    step: str
    input_tokens: float
    output_tokens: float
    cost: Decimal | None
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkersLimit:
    """A tenant with a limit of workers, and the pools among which they are divided."""

    tenant: str
    limited: bool
    """False once the limit is gone, until that has been written."""
    most: int | None
    """None while no such limit is enforced."""
    pool_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkersGrant:
    """What a pool gets of its tenant's workers; None for what nobody limits."""

    pool_id: int
    asked: int | None
    share: int | None
    """How many of them may claim."""
    granted: int | None
    """How many the autoscaler is told of: a pool keeps what it runs."""


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """What the gateway needs to accept a run."""

    tenant: str
    uid: str
    namespace: str
    name: str
    digest: str
    compiled: str
    service_account: str
    deleting: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """One turn of the sweep; `ran` is False when another gateway was at it."""

    ran: bool
    expired: int = 0
    timed_out: int = 0
    unparked: int = 0
    deleted_runs: int = 0
    more: bool = False
    pool_ids: tuple[int, ...] = field(default=())
