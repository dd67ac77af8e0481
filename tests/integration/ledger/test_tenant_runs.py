"""How many runs of a tenant are under way at once, over all of its pipelines."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.declared import LimitRow

pytestmark = pytest.mark.postgres

OPEN = "SELECT count(*) FROM headrace.runs WHERE tenant = $1 AND phase = 1"


@pytest_asyncio.fixture
async def second(ledger_server):
    ledger = await Ledger.connect(ledger_server.gateway_url, role="gateway")
    yield ledger
    await ledger.close()


async def limit(house, most):
    rows = [] if most is None else [LimitRow("runs", "runs", "None", most)]
    await house.declare(*rows)


async def finish(house, row):
    lease = await house.lease(row)
    await house.gateway.complete([make.completion(lease)])
    return lease.run


async def test_the_next_run_is_that_of_any_pipeline(house):
    await limit(house, 1)
    one, two = [await house.pipeline() for _ in range(2)]
    first = await house.submit(one)
    low = await house.submit(one, priority="Low")
    other = await house.submit(two)
    assert await house.claim(two) == []
    assert await finish(house, one) == first.id
    assert await house.claim(one) == []
    assert await finish(house, two) == other.id
    assert await finish(house, one) == low.id


async def test_the_limit_of_a_pipeline_holds_beside_it(house, admin):
    await limit(house, 3)
    narrow = await house.pipeline(max_concurrent_runs=1)
    wide = await house.pipeline()
    for row in (narrow, narrow, wide, wide, wide):
        await house.submit(row)
    assert await admin.fetchval(OPEN, house.tenant) == 3
    assert (len(await house.claim(narrow, 9)), len(await house.claim(wide, 9))) == (1, 2)


async def test_a_limit_that_is_raised_or_lifted_admits_what_waits(house, admin):
    await limit(house, 1)
    row = await house.pipeline()
    for _ in range(6):
        await house.submit(row)
    for most, want in ((1, 1), (3, 3), (None, 6)):
        await limit(house, most)
        await house.gateway.sweep()
        assert await admin.fetchval(OPEN, house.tenant) == want


async def test_racing_submits_and_ends_never_exceed_it(house, admin, second):
    await limit(house, 4)
    rows = [await house.pipeline() for _ in range(3)]
    ended = []

    async def submit(n):
        done = await (house.gateway, second)[n % 2].accept_one(make.submit(rows[n % 3]))
        assert done.outcome == "Accepted"

    async def work(n):
        for lease in await house.claim(rows[n % 3], 2):
            await (house.gateway, second)[n % 2].complete([make.completion(lease)])
            ended.append(lease.run)

    for turn in range(30):
        await asyncio.gather(*(submit(n + turn) for n in range(3)), *(work(n) for n in range(6)))
        assert await admin.fetchval(OPEN, house.tenant) <= 4
    for turn in range(200):
        if len(ended) == 90:
            break
        await work(turn)
        await house.gateway.sweep()
    assert len(set(ended)) == len(ended) == 90
