"""Tasks: claim, heartbeat, complete, fail, release, park."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from headrace_contract.protocol import (
    BeatOutcome,
    CompleteOutcome,
    FailOutcome,
    ReleaseOutcome,
)
from headrace_ledger.call import Verbs, columns
from headrace_ledger.group import each
from headrace_ledger.records import Completed, LeaseRecord, Settled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from headrace_ledger.group import Joined
    from headrace_ledger.records import ClaimWish, Completion, Failure, HeldLease, Release
    from headrace_ledger.reservations import ParkMark


class Tasks(Verbs):
    """The verbs of the door for workers. Batches: one outcome per item, whatever the others are."""

    _completes: Joined[Completion, Completed]

    async def claim(self, wishes: Sequence[ClaimWish]) -> list[list[LeaseRecord]]:
        """Lease ready tasks to waiting workers; a retried wish gets the leases it has already."""
        return await each(wishes, self._claim, lambda _, __: [])

    async def _claim(self, wishes: Sequence[ClaimWish]) -> list[list[LeaseRecord]]:
        keys: list[bytes] = []
        first, last = [], []
        for wish in wishes:
            first.append(len(keys) + 1)
            keys += wish.key_hashes
            last.append(len(keys))
        rows = await self._caller.rows(
            "claim",
            *columns(wishes, "tenant", "pool_id"),
            [_by(wish) for wish in wishes],
            first,
            last,
            [",".join(wish.step_types) for wish in wishes],
            keys,
        )
        leases: list[list[LeaseRecord]] = [[] for _ in wishes]
        for row in rows:
            leases[row[0] - 1].append(_lease(row[1:]))
        return leases

    async def complete_one(self, completion: Completion) -> Completed:
        """Complete a step; concurrent calls share a statement and a commit."""
        return await self._completes.call(completion)

    async def complete(self, completions: Sequence[Completion]) -> list[Completed]:
        """Write checkpoints, next tasks and events; a retry finds its stored answer."""
        return await each(
            completions,
            self._complete,
            lambda _, reason: Completed(CompleteOutcome.INVALID, message=reason),
        )

    async def _complete(self, completions: Sequence[Completion]) -> list[Completed]:
        rows = await self._caller.rows(
            "complete",
            *columns(completions, "tenant", "task", "fence"),
            [_by(c) for c in completions],
            *columns(completions, "output", "skipped", "next_key_hash"),
            [",".join(c.step_types) for c in completions],
            *columns(completions, "pipeline"),
        )
        by_n = {row[0]: row for row in rows}
        return [_completed(by_n[n]) for n in range(1, len(completions) + 1)]

    async def fail(self, failures: Sequence[Failure]) -> list[Settled]:
        """Settle attempts that did not succeed: retried, parked or dead."""
        return await each(failures, self._fail, lambda _, __: Settled(FailOutcome.STALE))

    async def _fail(self, failures: Sequence[Failure]) -> list[Settled]:
        rows = await self._caller.rows(
            "fail",
            *columns(failures, "tenant", "task", "fence"),
            [_by(f) for f in failures],
            *columns(failures, "action", "error_class", "message", "jitter", "delay_seconds"),
            *columns(failures, "pipeline"),
        )
        return _settled(rows)

    async def release(self, releases: Sequence[Release]) -> list[Settled]:
        """Hand leases back; no attempt is spent."""
        return await each(releases, self._release, lambda _, __: Settled(ReleaseOutcome.STALE))

    async def _release(self, releases: Sequence[Release]) -> list[Settled]:
        n = len(releases)
        rows = await self._caller.rows(
            "fail",
            *columns(releases, "tenant", "task", "fence"),
            [_by(r) for r in releases],
            ["Release"] * n,
            [r.reason for r in releases],
            [None] * n,
            [0.0] * n,
            [None] * n,
            *columns(releases, "pipeline"),
        )
        return [_as_released(s) for s in _settled(rows)]

    async def heartbeat(self, leases: Sequence[HeldLease]) -> list[str]:
        """Extend leases; values of `BeatOutcome`."""
        return await each(leases, self._heartbeat, lambda _, __: BeatOutcome.LOST.value)

    async def _heartbeat(self, leases: Sequence[HeldLease]) -> list[str]:
        rows = await self._caller.rows(
            "heartbeat", *columns(leases, "tenant", "task", "fence", "pipeline")
        )
        by_n: dict[int, str] = {row[0]: row[1] for row in rows}
        return [by_n[n] for n in range(1, len(leases) + 1)]

    async def check_fence(self, tenant: str, task: UUID, fence: int) -> str:
        """Tell whether a lease still stands, as a heartbeat would, without extending it."""
        return str(await self._caller.value("check_fence", tenant, task, fence))

    async def park(self, mark: ParkMark) -> bool:
        """Mark a running task: whatever its lease does from now on is the park. False: stale."""
        values = dataclasses.astuple(mark)
        return bool(await self._caller.value("park", *values))


def _by(item: ClaimWish | Completion | Failure | Release) -> str:
    """Join worker and request id: the latter alone is unique per worker only."""
    return f"{item.worker}/{item.request_id}"


def _lease(row: Sequence[Any]) -> LeaseRecord:
    (tenant, task, fence, run, step, pool, attempt, key, digest, given, steps, outputs, *rest) = row
    found = dict(zip(steps, outputs, strict=True)) if steps else {}
    return LeaseRecord(
        tenant, task, fence, run, step, pool, attempt, key, digest, given, found, *rest
    )


def _completed(row: asyncpg.Record) -> Completed:
    outcome = row[1]
    if outcome == FailOutcome.DEAD:  # its park was its last one
        outcome = CompleteOutcome.PARKED.value
    following = None if row[4] is None else _lease(row[4:])
    return Completed(outcome, next=following, pool_ids=tuple(row[3]), run_finished=row[2])


def _as_released(settled: Settled) -> Settled:
    """Tell a worker of a park, also when it was the task's last one and the task is dead now."""
    if settled.outcome != FailOutcome.DEAD:
        return settled
    return Settled(ReleaseOutcome.PARKED.value, settled.pool_ids, settled.run_finished)


def _settled(rows: Sequence[asyncpg.Record]) -> list[Settled]:
    ordered = sorted(rows, key=lambda row: int(row[0]))
    return [Settled(row[1], tuple(row[3] or ()), bool(row[2])) for row in ordered]
