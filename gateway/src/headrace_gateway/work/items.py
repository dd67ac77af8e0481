"""From the items of a request to records; what cannot be stored is its own outcome, no error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pydantic_core import to_json

from headrace_contract.failures import ACTIONS
from headrace_gateway.edge.body import walk
from headrace_ledger.records import Completion, Failure, HeldLease, Release

if TYPE_CHECKING:
    from headrace_contract.protocol import (
        CompleteItem,
        CompleteRequest,
        FailItem,
        FailRequest,
        Held,
        ReleaseRequest,
    )

_MAX_FENCE: Final = 2**63 - 1
MAX_DELAY_SECONDS: Final = 86_400.0
MESSAGE_LENGTH: Final = 4096


def task_id(task: str, fence: int) -> UUID | None:
    """Return the id of a task that can exist; anything else is stale."""
    if not 0 <= fence <= _MAX_FENCE:
        return None
    try:
        return UUID(task)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose tasks a worker may speak of: its tenant's, and its pipeline's if it has one."""

    tenant: str
    pipeline: int | None = None

    def has(self, tenant: str, pipeline: int | None) -> bool:
        return self.tenant == tenant and self.pipeline in (None, pipeline)


def held(whose: Whose, item: Held) -> HeldLease | None:
    task = task_id(item.task, item.fence)
    return None if task is None else HeldLease(whose.tenant, task, item.fence, whose.pipeline)


def completion(
    whose: Whose, request: CompleteRequest, item: CompleteItem
) -> Completion | str | None:
    """Return the record, what is wrong with the item, or None for a task that cannot exist."""
    task = task_id(item.task, item.fence)
    if task is None:
        return None
    wrong = walk(item.output)
    if wrong:
        return f"The output {wrong}."
    next_key: bytes | None = None
    if item.next is not None:
        try:
            next_key = bytes.fromhex(item.next.key_hash)
        except ValueError:
            return "`next.keyHash` must be a SHA-256 in 64 hex digits."
    return Completion(
        tenant=whose.tenant,
        task=task,
        fence=item.fence,
        request_id=request.request_id,
        worker=request.worker,
        output=None if item.skipped else document(item.output),
        skipped=item.skipped,
        next_key_hash=next_key,
        step_types=tuple(request.step_types),
        pipeline=whose.pipeline,
    )


def failure(whose: Whose, request: FailRequest, item: FailItem, jitter: float) -> Failure | None:
    task = task_id(item.task, item.fence)
    if task is None:
        return None
    delay = item.retry_after_seconds
    return Failure(
        tenant=whose.tenant,
        task=task,
        fence=item.fence,
        request_id=request.request_id,
        worker=request.worker,
        error_class=item.error_class.value,
        message=plain(item.message),
        action=ACTIONS[item.error_class].value,
        jitter=jitter,
        delay_seconds=None if delay is None else min(delay, MAX_DELAY_SECONDS),
        pipeline=whose.pipeline,
    )


def release(whose: Whose, request: ReleaseRequest, item: Held) -> Release | None:
    task = task_id(item.task, item.fence)
    if task is None:
        return None
    return Release(
        tenant=whose.tenant,
        task=task,
        fence=item.fence,
        request_id=request.request_id,
        worker=request.worker,
        reason=request.reason,
        pipeline=whose.pipeline,
    )


def document(value: Any) -> str:
    return to_json(value).decode()


def plain(text: str) -> str:
    """Return what can be stored of a message: somebody else's text, so it may hold anything."""
    clean = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return clean.encode("utf-8", "replace").decode()[:MESSAGE_LENGTH]
