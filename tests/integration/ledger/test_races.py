"""Many hands at once: nothing is leased twice, nothing is lost, and the counters stay right."""

from __future__ import annotations

import asyncio
import random

import pytest

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.records import Release, RunStatus

pytestmark = pytest.mark.postgres


async def test_two_gateways_lease_each_task_once(house, ledger_server):
    row = await house.pipeline()
    pool = await house.pool(row)
    items = [make.submit(row) for _ in range(200)]
    await house.gateway.accept(items)
    second = await Ledger.connect(ledger_server.gateway_url, role="gateway")

    async def drain(gateway):
        mine = []
        while True:
            [leases] = await gateway.claim([make.wish(house.tenant, pool, 3)])
            if not leases:
                return mine
            mine += leases

    parts = await asyncio.gather(*(drain(g) for g in (house.gateway, second) * 4))
    await second.close()
    leases = [lease for part in parts for lease in part]
    assert sorted(x.run for x in leases) == sorted(i.id for i in items)
    assert {x.fence for x in leases} == {1}


async def test_a_claim_and_its_retry_at_once_lease_once(house):
    row = await house.pipeline()
    [await house.submit(row) for _ in range(4)]
    wish = make.wish(house.tenant, await house.pool(row), 2)
    answers = await asyncio.gather(*(house.gateway.claim([wish]) for _ in range(6)))
    assert len({tuple(sorted(str(x.task) for x in leases)) for [leases] in answers}) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_lives_end_well_and_leave_the_counters_right(house, seed):
    """Diamonds under failures, releases, losses, cancels and races: every run comes to an end."""
    rng = random.Random(seed)
    row = await house.pipeline(
        make.edge("a"),
        make.edge("b", "a"),
        make.edge("c", "a"),
        make.edge("d", "b", "c"),
        max_attempts=3,
        max_concurrent_runs=5,
    )
    pool = await house.pool(row)
    items = [await house.submit(row) for _ in range(25)]

    async def work():
        idle = 0
        while idle < 5:
            [leases] = await house.gateway.claim([make.wish(house.tenant, pool, rng.randint(1, 3))])
            idle = 0 if leases else idle + 1
            for lease in leases:
                await _live(house, lease, rng)
            if rng.random() < 0.05:
                await house.gateway.cancel(house.tenant, rng.choice(items).id)

    async with asyncio.timeout(180):
        while True:
            await asyncio.gather(*(work() for _ in range(4)))
            await house.gateway.sweep()
            runs = [await house.gateway.run(house.tenant, i.id) for i in items]
            if all(r.finished_at for r in runs):
                break
    assert {r.status for r in runs} <= {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}
    for item in items:
        told = await house.happened(item)
        assert told.count("run.finished") == 1
        assert told[-1] == "run.finished"
        assert max(told.count(f"step.finished {s}") for s in "abcd") <= 1


async def _live(house, lease, rng):
    fate = rng.random()
    if fate < 0.7:
        key = make.key() if rng.random() < 0.5 else None
        done = await house.gateway.complete_one(make.completion(lease, next_key_hash=key))
        if done.next is not None:
            await _live(house, done.next, rng)
    elif fate < 0.85:
        action = rng.choice(["Retry", "Resume", "DeadLetter"])
        await house.gateway.fail([make.failure(lease, action)])
    else:
        back = Release(lease.tenant, lease.task, lease.fence, make.fresh("r"), "worker-1")
        await house.gateway.release([back])
