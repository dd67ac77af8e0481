"""A tenant's limit of workers: what is granted bounds what a pool may claim, and is told."""

from __future__ import annotations

import pytest

import ledger_rows as make
from headrace_ledger.declared import LimitRow, PoolRow, WorkersGrant

pytestmark = pytest.mark.postgres


def workers(most, *, enforced=True):
    return LimitRow("most", "workers", "None", most, enforced=enforced)


async def limited(house):
    found = await house.gateway.workers_limited()
    return next((one for one in found if one.tenant == house.tenant), None)


async def counts(house, row):
    [found] = await house.gateway.counts([await house.pool(row)])
    return found


async def grant(house, row, asked, share, granted):
    one = WorkersGrant(await house.pool(row), asked, share, granted)
    return await house.gateway.put_workers(house.tenant, [one])


async def test_only_tenants_with_such_a_limit_are_divided(house):
    row = await house.pipeline()
    assert await limited(house) is None
    await house.declare(workers(5), LimitRow("rpm", "requests", "1m", 1))
    found = await limited(house)
    assert (found.limited, found.most, found.pool_ids) == (True, 5, (await house.pool(row),))


async def test_the_strictest_of_those_in_force_counts(house):
    looked_at = LimitRow("trial", "workers", "None", 1, enforced=False)
    await house.declare(workers(5), LimitRow("less", "workers", "None", 3), looked_at)
    assert (await limited(house)).most == 3
    await house.declare(looked_at)
    found = await limited(house)
    assert (found.limited, found.most) == (True, None)


async def test_a_limit_that_is_gone_is_named_until_that_is_written(house):
    row = await house.pipeline()
    await house.declare(workers(5))
    await grant(house, row, 9, 5, 5)
    await house.declare()
    found = await limited(house)
    assert (found.limited, found.most) == (False, None)
    await grant(house, row, None, None, None)
    assert await limited(house) is None


async def test_what_is_written_again_is_no_news(house):
    row = await house.pipeline()
    pool = await house.pool(row)
    assert await grant(house, row, 9, 5, 5) == [pool]
    assert await grant(house, row, 9, 5, 5) == []
    assert await grant(house, row, 9, 5, 4) == [pool]


async def test_the_signal_tells_what_is_asked_for_and_granted(house):
    row = await house.pipeline()
    assert (await counts(house, row)).workers_granted is None
    await grant(house, row, 9, 5, 4)
    found = await counts(house, row)
    assert (found.workers_asked, found.workers_granted) == (9, 4)


async def test_a_pool_claims_no_more_than_its_share_has_slots_for(house):
    row = await house.pipeline(pools=(PoolRow("default", 2, 10, "object"),))
    for _ in range(8):
        await house.submit(row)
    await grant(house, row, 4, 1, 1)
    first = await house.claim(row, 5)
    assert len(first) == 2
    assert await house.claim(row, 5) == []
    await grant(house, row, 4, 2, 2)
    assert len(await house.claim(row, 5)) == 2
    for share, granted in ((0, 0), (4, 2), (2, 4)):
        await grant(house, row, 4, share, granted)
        assert await house.claim(row, 5) == []
    await grant(house, row, None, None, None)
    assert len(await house.claim(row, 9)) == 4


async def test_a_run_goes_on_in_the_slot_of_its_last_step_unless_the_share_is_exceeded(house):
    steps = make.edge("first"), make.edge("second", "first")
    row = await house.pipeline(*steps, pools=(PoolRow("default", 1, 10, "object"),))
    for _ in range(2):
        await house.submit(row)
    await grant(house, row, 2, 2, 2)
    within, beyond = await house.claim(row, 2)
    again = make.completion(within, next_key_hash=make.key())
    [done] = await house.gateway.complete([again])
    assert done.next is not None
    await grant(house, row, 2, 1, 2)
    [done] = await house.gateway.complete([make.completion(beyond, next_key_hash=make.key())])
    assert done.next is None


async def test_a_lease_that_was_given_is_given_again_over_the_share_too(house):
    row = await house.pipeline()
    await house.submit(row)
    wish = make.wish(house.tenant, await house.pool(row))
    [first] = await house.gateway.claim([wish])
    await grant(house, row, 1, 0, 0)
    [again] = await house.gateway.claim([wish])
    assert [one.task for one in again] == [one.task for one in first]


async def standing(house, name="most"):
    [found] = [one for one in await house.operator.usage(house.tenant) if one.name == name]
    return found.capacity, found.used, found.shadowed, found.waiting


async def test_a_limit_of_workers_stands_at_what_is_granted_and_says_what_waits(house):
    row, other = [await house.pipeline() for _ in range(2)]
    await house.declare(workers(5))
    await grant(house, row, 9, 3, 3)
    await grant(house, other, 2, 2, 2)
    assert await standing(house) == (5, 5, 0, 6)


async def test_in_shadow_mode_it_stands_at_what_is_asked_for(house):
    row = await house.pipeline()
    await house.declare(workers(5, enforced=False))
    await grant(house, row, 9, None, None)
    assert await standing(house) == (5, 9, 4, 0)


async def test_a_limit_of_runs_stands_at_the_open_ones_and_says_what_waits(house):
    row = await house.pipeline()
    await house.declare(LimitRow("most", "runs", "None", 2))
    for _ in range(5):
        await house.submit(row)
    assert await standing(house) == (2, 2, 0, 3)
    await house.declare(LimitRow("most", "runs", "None", 2, enforced=False))
    await house.gateway.sweep()
    assert await standing(house) == (2, 5, 3, 0)


async def test_a_limit_of_no_run_admits_none(house):
    row = await house.pipeline()
    await house.declare(LimitRow("most", "runs", "None", 0))
    await house.submit(row)
    await house.gateway.sweep()
    assert await house.claim(row) == []
    assert await standing(house) == (0, 0, 0, 1)


async def test_what_limits_runs_and_workers_is_nothing_that_a_call_draws_on(house):
    await house.declare(workers(5), LimitRow("runs", "runs", "None", 2))
    known = await house.gateway.limits_of(house.tenant)
    assert [one for one in known if one.tenant == house.tenant] == []
