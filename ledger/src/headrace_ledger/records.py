"""What goes into the ledger and what comes out: one frozen record per verb and direction.

Documents (`compiled`, `input`, `output`, `data`, `spec`) are JSON as bytes-free `str`: the edge has
parsed and checked them, the ledger stores and returns them without looking inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID


class RunStatus(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


# ---- runs ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A task of a run, for people."""

    step: str
    state: str
    attempt: int
    losses: int
    ready_at: datetime | None
    error_class: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, for people; `output` only if it succeeded, `steps` only if one run was asked for."""

    tenant: str
    id: UUID
    namespace: str
    pipeline: str
    digest: str
    status: RunStatus
    input: str | None
    output: str | None
    error_class: str | None
    message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    traceparent: str
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    currency: str | None
    priority: str
    deadline: datetime | None
    waits: str | None
    """Why it may not begin yet: `WaitingForKey`, `WaitingForConcurrency`; None once it may."""
    steps: tuple[StepRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened to a run; `seq` rises within the run, from 1."""

    run: UUID
    seq: int
    at: datetime
    type: str
    step: str | None
    data: str


# ---- work ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimWish:
    """One waiting worker: at most one lease per key hash, all of one pool."""

    tenant: str
    pool_id: int
    worker: str
    request_id: str
    key_hashes: tuple[bytes, ...]
    step_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A task that a worker may run now."""

    tenant: str
    task: UUID
    fence: int
    run: UUID
    step: str
    pool_id: int
    attempt: int
    key_hash: bytes
    digest: str
    input: str
    outputs: dict[str, str]
    traceparent: str
    lease_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that somebody says is theirs.

    Here and below, `pipeline` is the ledger's id of the one that its worker belongs to: a task of
    another one is as good as not there. None asks for no such check.
    """

    tenant: str
    task: UUID
    fence: int
    pipeline: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A step that ended well. With `next_key_hash` the run's next task of this pool comes along."""

    tenant: str
    task: UUID
    fence: int
    request_id: str
    worker: str
    output: str | None
    skipped: bool = False
    next_key_hash: bytes | None = None
    step_types: tuple[str, ...] = ()
    pipeline: int | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    outcome: str
    """A value of `headrace_contract.protocol.CompleteOutcome`."""
    message: str = ""
    next: LeaseRecord | None = None
    pool_ids: tuple[int, ...] = ()
    """Pools that have a new runnable task: wake their waiters."""
    run_finished: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not succeed; `action` is what the contract's table says of its class.

    `jitter` in [0, 1) is handed in; `delay_seconds` overrides the back-off (a Retry-After).
    """

    tenant: str
    task: UUID
    fence: int
    request_id: str
    worker: str
    error_class: str
    message: str
    action: str
    jitter: float
    delay_seconds: float | None = None
    pipeline: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a failed or released task: a value of FailOutcome or ReleaseOutcome."""

    outcome: str
    pool_ids: tuple[int, ...] = ()
    run_finished: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    tenant: str
    task: UUID
    fence: int
    request_id: str
    worker: str
    reason: str = "Interrupted"
    pipeline: int | None = None


# ---- models -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyedLease:
    """The live lease that a step's key opens: who calls the model endpoint, and for what."""

    tenant: str
    task: UUID
    fence: int
    run: UUID
    step: str
    pipeline_uid: str
    digest: str
    traceparent: str
    parked_until: datetime | None
    """Set after a park mark: every further call of this fence is answered 429."""
    park_reason: str | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A finished model call. `idx` counts calls of one step with the same `request_hash` from 0.

    `id` (UUIDv7) is made by the caller: recorded again under it, it is the same call.
    """

    id: UUID
    tenant: str
    task: UUID
    fence: int
    run: UUID
    step: str
    request_hash: bytes
    idx: int
    provider: str
    model: str
    status: int
    response: bytes
    streamed: bool
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    currency: str | None
    duration_ms: int
    cached_input_tokens: int = 0  # part of `input_tokens`
    reasoning_tokens: int = 0  # part of `output_tokens`
    price_version: str | None = None
    """Where the price comes from: `spec`, or a price list and its version. None without a price."""
    estimated: bool = False
    """The provider counted nothing: the tokens are our estimate."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A pool whose counters are wrong: (runnable, running, parked, dead), kept and counted."""

    tenant: str
    pool_id: int
    kept: tuple[int, ...]
    counted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wake:
    """A hint of another gateway; after `resync` anything may have happened unseen."""

    pool_ids: frozenset[int] = frozenset()
    runs: frozenset[UUID] = frozenset()
    resync: bool = False
