"""What becomes of leases: heartbeat, complete, fail, release; who waits for it is woken."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from headrace_contract.protocol import BeatOutcome, CompleteOutcome
from headrace_gateway.batch import Batcher
from headrace_gateway.errors import GatewayError
from headrace_ledger.errors import LedgerError
from headrace_ledger.records import Release

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from headrace_gateway.work.tasks import Tasks
    from headrace_gateway.world import World
    from headrace_ledger.records import (
        ClaimWish,
        Completed,
        Completion,
        Failure,
        HeldLease,
        LeaseRecord,
        Settled,
    )


class Settling:
    """The ledger's verbs, joined over all callers of one turn."""

    def __init__(self, world: World, tasks: Tasks) -> None:
        self._world = world
        self._tasks = tasks
        ledger = world.ledger
        self._beats: Batcher[HeldLease, str] = Batcher(ledger.heartbeat)
        self._completions: Batcher[Completion, Completed] = Batcher(ledger.complete)
        self._failures: Batcher[Failure, Settled] = Batcher(ledger.fail)
        self._releases: Batcher[Release, Settled] = Batcher(ledger.release)
        self._handing_back: set[asyncio.Task[None]] = set()

    async def beat(self, leases: Sequence[HeldLease]) -> list[str]:
        outcomes = await self._beats.put(leases)
        for lease, outcome in zip(leases, outcomes, strict=True):
            if outcome == BeatOutcome.LOST:
                self._world.calls.doubted(lease.task)
            elif outcome != BeatOutcome.HELD:
                self._world.calls.cut_task(lease.task, lease.fence)
        return outcomes

    async def complete(self, items: Sequence[Completion]) -> list[Completed]:
        outcomes = await self._completions.put(items)
        for item, outcome in zip(items, outcomes, strict=True):
            self._settled(item.task, item.fence, outcome)
            if outcome.next is not None:
                self._tasks.add(outcome.next, item.pipeline)
        return outcomes

    async def fail(self, items: Sequence[Failure]) -> list[Settled]:
        outcomes = await self._failures.put(items)
        for item, outcome in zip(items, outcomes, strict=True):
            self._settled(item.task, item.fence, outcome)
        return outcomes

    async def release(self, items: Sequence[Release]) -> list[Settled]:
        outcomes = await self._releases.put(items)
        for item, outcome in zip(items, outcomes, strict=True):
            self._settled(item.task, item.fence, outcome)
        return outcomes

    def hand_back(self, leases: Sequence[LeaseRecord], wish: ClaimWish) -> None:
        """Give leases back whose answer reached nobody; if that fails too, they run out."""
        items = [
            Release(
                tenant=lease.tenant,
                task=lease.task,
                fence=lease.fence,
                request_id=f"undelivered:{wish.request_id}"[:100],
                worker=wish.worker,
            )
            for lease in leases
        ]
        task = asyncio.get_running_loop().create_task(self._hand_back(items))
        self._handing_back.add(task)
        task.add_done_callback(self._handing_back.discard)

    async def _hand_back(self, items: list[Release]) -> None:
        with suppress(LedgerError, GatewayError):
            await self.release(items)

    def _settled(self, task: UUID, fence: int, said: Completed | Settled) -> None:
        """End what still hangs on this fence, and wake who waits for what it made possible."""
        if said.outcome == CompleteOutcome.INVALID:
            return  # nothing has happened: the lease stands
        if said.outcome == CompleteOutcome.STALE:  # anybody can be told so, of any task
            self._world.calls.doubted(task)
            return
        self._world.calls.cut_task(task, fence)
        known = self._tasks.end(task, fence)
        runs = () if known is None else (known.run,)
        self._world.wakes.tell(said.pool_ids, runs, going_on=not said.run_finished)
