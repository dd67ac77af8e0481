"""How a tenant's workers are divided among its pools: by fair shares, and nobody loses a worker."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_gateway.scale import load
from headrace_ledger.declared import WorkersGrant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace_ledger.declared import PoolCounts, PoolRecord


@dataclass(frozen=True, slots=True)
class Ask:
    """What a pool would have, in workers."""

    pool_id: int
    running: int
    """As many as its running steps fill."""
    wanted: int
    """As many as all of its work would take; at least those that run."""


def ask(counts: PoolCounts, pool: PoolRecord) -> Ask:
    """Count a pool's work in workers."""
    slots = pool.concurrency_per_worker
    running = math.ceil(max(counts.running, 0) / slots)
    wanted = min(math.ceil(max(load(counts), 0) / slots), pool.max_replicas)
    if counts.workers_fed is not None:
        wanted = min(wanted, counts.workers_fed)
    return Ask(counts.pool_id, running, max(running, wanted))


def divide(most: int | None, asks: Sequence[Ask], turn: int) -> list[WorkersGrant]:
    """
    Give every pool its share of `most` workers; None gives each what it asks for.

    Shares are as even as what is asked for allows. A pool that runs more than its share keeps that
    until its steps end, since nothing new begins in it; what it holds the others get after. Where
    there are fewer workers than pools with work, `turn` says who comes first.
    """
    if most is None:
        return [WorkersGrant(one.pool_id, one.wanted, None, None) for one in asks]
    wanted = {one.pool_id: one.wanted for one in asks}
    running = {one.pool_id: one.running for one in asks}
    share = _dealt(most, dict.fromkeys(wanted, 0), wanted, turn)
    goal = {pool: max(share[pool], running[pool]) for pool in wanted}
    granted = _dealt(most - sum(running.values()), running, goal, turn)
    return [WorkersGrant(pool, wanted[pool], share[pool], granted[pool]) for pool in wanted]


def _dealt(
    free: int, have: Mapping[int, int], want: Mapping[int, int], turn: int
) -> dict[int, int]:
    """Deal one at a time to whoever has fewest, until all is gone or nobody wants more."""

    def upto(level: int) -> int:
        return sum(max(min(want[pool], level) - have[pool], 0) for pool in want)

    free = max(free, 0)
    levels = range(max(want.values(), default=0) + 1)
    level = bisect.bisect_right(levels, free, key=upto) - 1
    dealt = {pool: max(min(want[pool], level), have[pool]) for pool in want}
    left = free - upto(level)
    first = sorted(pool for pool in want if have[pool] <= level < want[pool])
    if level == 0 and first:
        start = turn % len(first)
        first = first[start:] + first[:start]
    return dealt | dict.fromkeys(first[:left], level + 1)
