"""The signal as numbers, judged as the autoscaler judges it."""

from __future__ import annotations

import asyncio
import math

import pytest

from headrace_gateway.clock import Clock
from headrace_gateway.counts import Counts
from headrace_gateway.scale import active, load, metric
from headrace_ledger.declared import PoolCounts
from headrace_ledger.errors import LedgerUnavailableError


def counts(
    runnable: int = 0, running: int = 0, *, held: bool = False, **more: int | None
) -> PoolCounts:
    return PoolCounts("t", 1, "ns", "p", "main", runnable, running, 7, 3, 0.0, held, **more)


def replicas(live: int, value: float, target: int) -> int:
    """What the autoscaler makes of a value per replica: it overlooks a tenth."""
    ratio = value / (target * live)
    return live if abs(ratio - 1) <= 0.1 else math.ceil(value / target)


LOADS = {
    "nothing": (counts(), 0),
    "parked and dead work": (counts(), 0),
    "waiting work": (counts(4), 4),
    "running work": (counts(0, 2), 2),
    "both": (counts(4, 2), 6),
    "held: running work alone": (counts(4, 2, held=True), 2),
    "held and quiet": (counts(4, held=True), 0),
    "what a limit lets go": (counts(40, 2, let_go=3), 5),
    "one more while a limit lets nothing go": (counts(40, 2, let_go=0), 3),
    "a limit and nothing to run": (counts(0, let_go=0), 0),
}


@pytest.mark.parametrize(("given", "want"), LOADS.values(), ids=LOADS)
def test_load(given, want):
    assert load(given) == want


def test_regression_05_a_backlog_that_waits_for_a_limit_asks_for_no_more_workers():
    assert replicas(2, metric(counts(10_000, 4, let_go=0), 2), 2) <= 3
    assert replicas(2, metric(counts(10_000, 4, let_go=4), 2), 2) == 4


GRANTED = {
    "less than its work": (counts(40, 2, workers_granted=3), 6.0, True),
    "all of its work": (counts(3, 0, workers_granted=9), 3.0, True),
    "nothing": (counts(40, workers_granted=0), 0.0, False),
    "nothing more than it runs": (counts(40, 3, workers_granted=0), 3.0, True),
    "less than its limits feed": (counts(40, workers_granted=3, workers_fed=9), 6.0, True),
    "less than is granted is fed": (counts(40, workers_granted=3, workers_fed=1), 2.0, True),
    "nothing is fed": (counts(40, workers_fed=0), 0.0, False),
    "no limit": (counts(40), 40.0, True),
}


@pytest.mark.parametrize(("given", "value", "some"), GRANTED.values(), ids=GRANTED)
def test_what_a_pool_is_granted_bounds_what_it_asks_for(given, value, some):
    assert (metric(given, 2), active(given)) == (value, some)


@pytest.mark.parametrize("granted", [1, 2, 11, 21, 50])
@pytest.mark.parametrize("live", [1, 5, 10, 20, 50])
def test_the_autoscaler_makes_no_more_of_it_than_is_granted(live, granted):
    given = counts(1000, live * 2, workers_granted=granted)
    assert replicas(live, metric(given, 2), 2) <= max(live, granted)


@pytest.mark.parametrize("target", [1, 2, 5])
@pytest.mark.parametrize("live", [1, 5, 10, 11, 20, 50, 100])
def test_one_step_too_many_for_full_workers_gets_another_worker(live, target):
    full = counts(1, live * target)
    assert replicas(live, metric(full, target), target) > live


@pytest.mark.parametrize("live", [1, 5, 10, 20, 50])
def test_full_workers_with_nothing_waiting_stay_as_they_are(live):
    assert replicas(live, metric(counts(0, live * 2), 2), 2) == live


def test_the_first_value_after_waking_asks_for_the_right_number():
    assert math.ceil(metric(counts(40), 5) / 5) == 8


class Clocked:
    def __init__(self) -> None:
        self.time = 0.0
        self.reads = 0
        self.away = False

    def clock(self) -> Clock:
        return Clock(now=lambda: None, monotonic=lambda: self.time)

    async def counts(self, pool_ids=None):
        self.reads += 1
        await asyncio.sleep(0)
        if self.away:
            raise LedgerUnavailableError
        return [counts(self.reads)]


async def test_who_asks_together_shares_one_read():
    ledger = Clocked()
    shared = Counts(ledger, ledger.clock(), 0.5)
    await asyncio.gather(*(shared.of(1) for _ in range(50)))
    assert ledger.reads == 1
    ledger.time = 0.4
    await shared.of(1)
    assert ledger.reads == 1
    ledger.time = 0.6
    await shared.of(1)
    assert ledger.reads == 2


async def test_what_cannot_be_read_is_an_error_for_all_who_asked():
    ledger = Clocked()
    shared = Counts(ledger, ledger.clock(), 0.5)
    await shared.of(1)
    ledger.time, ledger.away = 1.0, True
    found = await asyncio.gather(*(shared.of(1) for _ in range(3)), return_exceptions=True)
    assert {type(each) for each in found} == {LedgerUnavailableError}


async def test_a_wake_makes_the_next_look_fresh():
    ledger = Clocked()
    shared = Counts(ledger, ledger.clock(), 0.5)
    await shared.of(1)
    ledger.time = 0.1
    shared.stale(1)
    ledger.time = 0.2
    assert (await shared.of(1)).runnable == 2


async def test_a_read_that_began_before_the_wake_is_not_good_enough():
    ledger = Clocked()
    shared = Counts(ledger, ledger.clock(), 0.5)
    early = asyncio.ensure_future(shared.of(1))
    while not ledger.reads:  # noqa: ASYNC110 -- one turn of the loop at a time
        await asyncio.sleep(0)
    ledger.time = 0.1
    shared.stale(1)
    ledger.time = 0.2
    assert (await shared.of(1)).runnable == 2
    assert (await early).runnable in (1, 2)


async def test_who_asks_in_the_moment_in_which_a_read_ends_gets_an_answer():
    ledger = Clocked()
    late: list[asyncio.Task] = []

    class Ending(Clocked):
        async def counts(self, pool_ids=None):
            found = await ledger.counts(pool_ids)
            if not late:  # the answer is old already, and nobody has been told of its end
                shared.stale(1)
                late.append(asyncio.create_task(shared.of(1)))
            return found

    shared = Counts(Ending(), ledger.clock(), 0.5)
    await shared.of(1)
    assert (await late[0]).runnable == 2


async def test_only_the_pools_that_are_asked_for_are_read():
    asked = []

    class Journal(Clocked):
        async def counts(self, pool_ids=None):
            asked.append(list(pool_ids))
            return []

    shared = Counts(Journal(), Clocked().clock(), 0.5)
    assert await asyncio.gather(*(shared.of(pool) for pool in (3, 1, 3))) == [None] * 3
    assert asked == [[1, 3]]
