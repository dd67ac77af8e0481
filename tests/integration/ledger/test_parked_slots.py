"""What a step that is over a limit holds meanwhile: nothing of a worker, and its run's place."""

from __future__ import annotations

import pytest

import ledger_rows as make

pytestmark = pytest.mark.postgres


async def park(house, lease):
    """Let a limit block this lease for ten minutes, and its step fail of it."""
    assert await house.gateway.park(make.mark(lease, 600.0))
    [settled] = await house.gateway.fail([make.failure(lease)])
    assert settled.outcome == "Parked"


async def count(house, row):
    [found] = await house.gateway.counts([await house.pool(row)])
    return found.runnable, found.running, found.parked


async def test_regression_06_a_parked_step_holds_no_slot_of_a_worker(house):
    row = await house.pipeline()
    blocked, other = [await house.submit(row) for _ in range(2)]
    await park(house, await house.lease(row))
    assert await count(house, row) == (1, 0, 1)  # the signal asks for the other run's worker alone
    lease = await house.lease(row)
    assert lease.run == other.id
    await house.gateway.complete([make.completion(lease)])
    run = await house.gateway.run(house.tenant, blocked.id)
    assert [(step.state, step.attempt) for step in run.steps] == [
        ("parked", 1)
    ]  # its first attempt still
    assert await count(house, row) == (0, 0, 1)


async def test_regression_06_a_parked_run_is_still_one_of_those_under_way(house):
    row = await house.pipeline(max_concurrent_runs=1)
    blocked, other = [await house.submit(row) for _ in range(2)]
    await park(house, await house.lease(row))
    assert await house.claim(row) == []  # begun work is not overtaken without end
    assert await house.gateway.cancel(house.tenant, blocked.id) is not None
    assert (await house.lease(row)).run == other.id
