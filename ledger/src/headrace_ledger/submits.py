"""Runs to accept, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Submit:
    """One run to accept. `id` (UUIDv7) is made by the caller, so that a retry is the same run."""

    tenant: str
    id: UUID
    pipeline_uid: str
    digest: str
    input: str
    idempotency_key: str | None
    body_hash: bytes
    traceparent: str
    priority: str = "Normal"
    deadline: datetime | None = None
    """When the run fails as `Timeout`, if the pipeline's longest duration does not come first."""
    keys: str | None = None
    """JSON: its key by the name of each limit per key of its pipeline."""


class SubmitOutcome(StrEnum):
    ACCEPTED = "Accepted"
    REPEATED = "Repeated"  # the key was used with the same body: `id` is the earlier run's
    CONFLICT = "Conflict"  # the key was used with another body
    GONE = "Gone"  # the pipeline is not there (any more), or does not have this version
    KEY_FULL = "KeyFull"  # as many runs of its key are open as may be, and its limit says Reject
    INVALID = "Invalid"  # this item could not be stored


@dataclass(frozen=True, slots=True)
class Submitted:
    outcome: SubmitOutcome
    id: UUID | None = None
    pool_ids: tuple[int, ...] = ()
    """Pools that have a new runnable task: wake their waiters."""
    full: str | None = None
    """With `KeyFull`: the name of the limit."""
