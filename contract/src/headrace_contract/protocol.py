"""
The worker protocol, version 1: claim, heartbeat, complete, fail, release, progress.

Every request has an id that is unique per worker: a retry with the same id finds its own result.
A task is named by `task` and `fence`; the fence rises with each claim, and a stale one is refused.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from headrace_contract.compiled import PROTOCOL_VERSION, CompiledPipeline, Message
from headrace_contract.failures import ErrorClass


class Slot(Message):
    """A free place of a worker; the key that it made for its next step stays with it."""

    key_hash: str = Field(min_length=64, max_length=64)
    """SHA-256 in hex of the 256-bit key with which the step will call the model endpoint."""


class ClaimRequest(Message):
    """`POST /v1/work/claim`: give me as many steps as I have slots."""

    protocol: int = PROTOCOL_VERSION
    request_id: str = Field(min_length=1, max_length=100)
    worker: str = Field(min_length=1, max_length=100)
    namespace: str
    pipeline: str
    pool: str
    step_types: list[str]
    slots: list[Slot] = Field(min_length=1, max_length=100)
    wait_seconds: float = Field(default=0, ge=0, le=60)
    known_digests: list[str] = Field(default_factory=list, max_length=64)


class Lease(Message):
    """One step to run, with all that it needs."""

    task: str
    fence: int
    run: str
    step: str
    attempt: int
    """1 for the first attempt."""
    key_hash: str
    digest: str
    pipeline: CompiledPipeline | None = None
    """The compiled pipeline, unless the worker said that it knows this digest."""
    input: Any
    outputs: dict[str, Any]
    """Outputs of the run's finished steps; a skipped step is absent."""
    traceparent: str
    lease_seconds: float
    timeout_seconds: float
    """What is left of the step's timeout and the run's longest duration, whichever is less."""


class ClaimResponse(Message):
    leases: list[Lease]


class Held(Message):
    """A lease that a worker believes it holds."""

    task: str
    fence: int


class HeartbeatRequest(Message):
    """`POST /v1/work/heartbeat`: these steps are still running; all leases of a worker in one."""

    worker: str
    leases: list[Held] = Field(min_length=1, max_length=1000)


class BeatOutcome(StrEnum):
    HELD = "Held"
    LOST = "Lost"  # the fence has moved or the task is over: stop, undo nothing
    CANCELLED = "Cancelled"  # the run was cancelled: stop
    INTERRUPT = "Interrupt"  # HoldAndDrain: release with reason Interrupted


class BeatAnswer(Message):
    task: str
    fence: int
    outcome: BeatOutcome


class HeartbeatResponse(Message):
    leases: list[BeatAnswer]
    lease_seconds: float


class CompleteItem(Message):
    """A step that ended well; `skipped` when its `when` was false."""

    task: str
    fence: int
    output: Any = None
    skipped: bool = False
    next: Slot | None = None
    """A slot for the next step of the same run, if this pool has one; absent in a drain."""


class CompleteRequest(Message):
    """`POST /v1/work/complete`."""

    request_id: str = Field(min_length=1, max_length=100)
    worker: str
    step_types: list[str] = []
    known_digests: list[str] = Field(default_factory=list, max_length=64)
    items: list[CompleteItem] = Field(min_length=1, max_length=100)


class CompleteOutcome(StrEnum):
    DONE = "Done"
    STALE = "Stale"
    PARKED = "Parked"  # a limit was reached while it ran: it will run again
    INVALID = "Invalid"  # this item could not be stored: see message


class CompleteAnswer(Message):
    task: str
    fence: int
    outcome: CompleteOutcome
    message: str = ""
    next: Lease | None = None


class CompleteResponse(Message):
    items: list[CompleteAnswer]


class FailItem(Message):
    """An attempt that did not succeed."""

    task: str
    fence: int
    error_class: ErrorClass
    message: str = Field(default="", max_length=4096)
    retry_after_seconds: float | None = Field(default=None, ge=0)


class FailRequest(Message):
    """`POST /v1/work/fail`."""

    request_id: str = Field(min_length=1, max_length=100)
    worker: str
    items: list[FailItem] = Field(min_length=1, max_length=100)


class FailOutcome(StrEnum):
    RETRY = "Retry"
    PARKED = "Parked"
    DEAD = "Dead"
    STALE = "Stale"


class FailAnswer(Message):
    task: str
    fence: int
    outcome: FailOutcome


class FailResponse(Message):
    items: list[FailAnswer]


class ReleaseRequest(Message):
    """`POST /v1/work/release`: hand these back; no attempt is spent."""

    request_id: str = Field(min_length=1, max_length=100)
    worker: str
    items: list[Held] = Field(min_length=1, max_length=1000)
    reason: Literal["Interrupted"] = "Interrupted"


class ReleaseOutcome(StrEnum):
    RELEASED = "Released"
    PARKED = "Parked"
    STALE = "Stale"


class ReleaseAnswer(Message):
    task: str
    fence: int
    outcome: ReleaseOutcome


class ReleaseResponse(Message):
    items: list[ReleaseAnswer]


class ProgressRequest(Message):
    """`POST /v1/work/progress`: something to show while a step runs; lossy by contract."""

    task: str
    fence: int
    text: str = Field(max_length=16384)
