"""The ledger's rules for tasks, in memory and as short as they can be; `testing.py` is its door."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.failures import ACTIONS, MAX_LOSSES, Action
from headrace_contract.protocol import (
    BeatOutcome,
    CompleteAnswer,
    CompleteOutcome,
    FailAnswer,
    FailOutcome,
    Lease,
    ReleaseOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace_contract.compiled import CompiledPipeline, CompiledStep
    from headrace_contract.failures import ErrorClass
    from headrace_contract.protocol import (
        ClaimRequest,
        CompleteItem,
        CompleteRequest,
        FailItem,
        Slot,
    )

TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_OVER: Final = frozenset({"done", "skipped", "dead", "cancelled"})


@dataclass(slots=True)
class MemoryTask:
    """One step of one run, as the ledger's row would have it."""

    id: str
    run: MemoryRun
    step: CompiledStep
    state: str = "waiting"
    fence: int = 0
    attempt: int = 1
    losses: int = 0
    key_hash: str = ""
    lease_until: float = 0.0
    claimed_by: str = ""
    finished_by: str = ""
    completed: CompleteAnswer | None = None
    failed: FailAnswer | None = None
    output: Any = None
    error: FailItem | None = None


@dataclass(slots=True)
class MemoryRun:
    """One run and its tasks by step."""

    id: str
    pipeline: CompiledPipeline
    input: Any
    tasks: dict[str, MemoryTask] = field(default_factory=dict)
    cancelled: bool = False

    @property
    def status(self) -> str:
        states = {task.state for task in self.tasks.values()}
        if self.cancelled:
            return "cancelled"
        if "dead" in states:
            return "failed"
        return "succeeded" if states <= _OVER else "running"

    @property
    def outputs(self) -> dict[str, Any]:
        done = (task for task in self.tasks.values() if task.state == "done")
        return {task.step.name: task.output for task in done}


class MemoryLedger:
    """Runs, tasks and leases, under one clock."""

    def __init__(self, monotonic: Callable[[], float], lease_seconds: float) -> None:
        self.runs: dict[str, MemoryRun] = {}
        self.lease_seconds = lease_seconds
        self.changed = asyncio.Event()
        self.hold_and_drain = False
        self._monotonic = monotonic
        self._count = itertools.count(1)

    def submit(self, pipeline: CompiledPipeline, given: Any) -> MemoryRun:
        run = MemoryRun(f"run-{next(self._count)}", pipeline.sealed(), given)
        for step in pipeline.steps:
            run.tasks[step.name] = MemoryTask(f"task-{next(self._count)}", run, step)
        self.runs[run.id] = run
        self._wake(run)
        return run

    def cancel(self, run: MemoryRun) -> None:
        run.cancelled = True
        for task in run.tasks.values():
            if task.state not in _OVER:
                task.state = "cancelled"
        self.changed.set()

    def sweep(self) -> None:
        """Hand on what ran out."""
        for task in self._tasks():
            if task.state == "leased" and task.lease_until <= self._monotonic():
                self._lost(task)

    def _tasks(self) -> list[MemoryTask]:
        return [task for run in list(self.runs.values()) for task in run.tasks.values()]

    def _lost(self, task: MemoryTask) -> FailOutcome:
        task.losses += 1
        if task.losses < MAX_LOSSES:
            self._again(task)
            return FailOutcome.RETRY
        task.state = "dead"
        self.changed.set()
        return FailOutcome.DEAD

    def _again(self, task: MemoryTask) -> None:
        task.state = "ready"
        task.key_hash = ""
        self.changed.set()

    def _wake(self, run: MemoryRun) -> None:
        over = {name for name, task in run.tasks.items() if task.state in {"done", "skipped"}}
        for task in run.tasks.values():
            if task.state == "waiting" and over.issuperset(task.step.depends_on):
                task.state = "ready"
        self.changed.set()

    def leases(self, request: ClaimRequest) -> list[Lease]:
        again = [
            task
            for task in self._tasks()
            if task.state == "leased" and task.claimed_by == request.request_id
        ]
        if again:
            return [self._lease(task, request.known_digests) for task in again]
        ready = (
            task
            for task in self._tasks()
            if task.state == "ready"
            and task.step.pool == request.pool
            and task.step.type in request.step_types
            and task.run.pipeline.name == request.pipeline
        )
        return [
            self._take(task, slot, request.request_id, request.known_digests)
            for task, slot in zip(ready, request.slots, strict=False)
        ]

    def _take(self, task: MemoryTask, slot: Slot, request_id: str, known: list[str]) -> Lease:
        task.state = "leased"
        task.fence += 1
        task.key_hash = slot.key_hash
        task.claimed_by = request_id
        task.lease_until = self._monotonic() + self.lease_seconds
        return self._lease(task, known)

    def _lease(self, task: MemoryTask, known: list[str]) -> Lease:
        pipeline = task.run.pipeline
        return Lease(
            task=task.id,
            fence=task.fence,
            run=task.run.id,
            step=task.step.name,
            attempt=task.attempt,
            key_hash=task.key_hash,
            digest=pipeline.digest,
            pipeline=None if pipeline.digest in known else pipeline,
            input=task.run.input,
            outputs=task.run.outputs,
            traceparent=TRACE,
            lease_seconds=self.lease_seconds,
            timeout_seconds=task.step.timeout_seconds,
        )

    def _held(self, task_id: str, fence: int) -> MemoryTask | None:
        for task in self._tasks():
            if task.id == task_id and task.fence == fence and task.state == "leased":
                return task
        return None

    def release(self, task_id: str, fence: int) -> ReleaseOutcome:
        task = self._held(task_id, fence)
        if task is None:
            return ReleaseOutcome.STALE
        self._again(task)
        return ReleaseOutcome.RELEASED

    def beat(self, task_id: str, fence: int) -> BeatOutcome:
        task = self._held(task_id, fence)
        if task:
            task.lease_until = self._monotonic() + self.lease_seconds
            return BeatOutcome.INTERRUPT if self.hold_and_drain else BeatOutcome.HELD
        cancelled = any(t.id == task_id and t.state == "cancelled" for t in self._tasks())
        return BeatOutcome.CANCELLED if cancelled else BeatOutcome.LOST

    def complete(self, item: CompleteItem, request: CompleteRequest) -> CompleteAnswer:
        for task in self._tasks():
            mine = task.id == item.task and task.finished_by == request.request_id
            if mine and task.completed:
                return task.completed
        held = self._held(item.task, item.fence)
        answer = CompleteAnswer(task=item.task, fence=item.fence, outcome=CompleteOutcome.STALE)
        if held is None:
            return answer
        held.state = "skipped" if item.skipped else "done"
        held.output = item.output
        held.finished_by = request.request_id
        self._wake(held.run)
        following = self._following(held, item.next, request) if item.next else None
        held.completed = CompleteAnswer(
            task=item.task, fence=item.fence, outcome=CompleteOutcome.DONE, next=following
        )
        return held.completed

    def _following(self, done: MemoryTask, slot: Slot, request: CompleteRequest) -> Lease | None:
        for task in done.run.tasks.values():
            if (
                task.state == "ready"
                and task.step.pool == done.step.pool
                and task.step.type in request.step_types
            ):
                return self._take(task, slot, request.request_id, request.known_digests)
        return None

    def fail(self, item: FailItem, request_id: str) -> FailAnswer:
        for task in self._tasks():
            if task.id == item.task and task.finished_by == request_id and task.failed:
                return task.failed
        held = self._held(item.task, item.fence)
        if held is None:
            return FailAnswer(task=item.task, fence=item.fence, outcome=FailOutcome.STALE)
        held.error = item
        held.finished_by = request_id
        held.failed = FailAnswer(
            task=item.task, fence=item.fence, outcome=self._follow_up(held, item.error_class)
        )
        return held.failed

    def _follow_up(self, task: MemoryTask, error_class: ErrorClass) -> FailOutcome:
        action = ACTIONS[error_class]
        if action is Action.RESUME:
            return self._lost(task)
        spent = task.attempt >= task.run.pipeline.retry.max_attempts
        if action is Action.DEAD_LETTER or (action is Action.RETRY and spent):
            task.state = "dead"
            self.changed.set()
            return FailOutcome.DEAD
        if action is Action.RETRY:
            task.attempt += 1
        self._again(task)
        return FailOutcome.PARKED if action is Action.PARK else FailOutcome.RETRY
