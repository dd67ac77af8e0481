"""The scale signal as numbers: what a pool's counts ask of the autoscaler."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace_ledger.declared import PoolCounts

# The autoscaler ignores differences up to a tenth, so to be heard we ask for a little more.
TOLERANCE: Final = 1.1
BEYOND: Final = 1e-3


def load(counts: PoolCounts) -> int:
    """Count what needs a worker: running work always, waiting work unless the pool is held.

    While tasks of the pool wait for a limit, more workers would only wait with them: what the
    limits have let go counts, and one task more, since others may need no model.
    """
    if counts.held:
        return counts.running
    runnable = counts.runnable
    if counts.let_go is not None:
        runnable = min(runnable, max(counts.let_go, 1))
    return runnable + counts.running


def most_workers(counts: PoolCounts) -> float:
    """Return what the tenant grants and the limits feed, whichever is less; infinity for all."""
    known = (counts.workers_granted, counts.workers_fed)
    return min((each for each in known if each is not None), default=math.inf)


def active(counts: PoolCounts) -> bool:
    """Say whether the pool should have a worker at all."""
    return load(counts) > 0 and (most_workers(counts) > 0 or counts.running > 0)


def metric(counts: PoolCounts, concurrency: int) -> float:
    """Return the value that the autoscaler divides by `concurrency`.

    When workers are full and more are wanted, the value exceeds what the autoscaler overlooks.
    As many as the running work fills are live for sure; more may be, and are then not full.
    What the pool may have is never exceeded, but by what it runs.
    """
    most = max(most_workers(counts) * concurrency, counts.running)
    total = min(load(counts), most)
    live = math.ceil(counts.running / concurrency)
    wanted = math.ceil(total / concurrency)
    if live and wanted > live:
        return min(max(float(total), live * concurrency * TOLERANCE + BEYOND), most)
    return float(total)
