"""What waits for limits, and how much of it they let go."""

from __future__ import annotations

import dataclasses

import pytest

import ledger_rows as make
from headrace_ledger.declared import LimitRow

pytestmark = pytest.mark.postgres


async def parked(house, row, limit, amount):
    """Let a task run into a limit."""
    lease = await house.lease(row)
    await house.gateway.park(make.mark(lease, 600, limit_id=limit, amount=amount))
    [done] = await house.gateway.fail([make.failure(lease)])
    assert done.outcome == "Parked"
    return lease


async def test_regression_05_a_limit_lets_go_as_many_as_it_can_feed(house):
    ids = await house.declare(LimitRow("tpm", "tokens", "1h", 100))
    row = await house.pipeline()
    for _ in range(5):
        await house.submit(row)
        await parked(house, row, ids["tpm"], 40)
    pool = await house.pool(row)

    async def swept():
        """Sweep, of all tenants; count the runnable and let-go tasks of this pool."""
        await house.gateway.sweep()
        [counts] = await house.gateway.counts([pool])
        assert counts.runnable + counts.parked == 5
        return counts.runnable, counts.let_go

    assert await swept() == (2, 2)
    assert await swept() == (2, 2)  # what was let go has not drawn yet
    await house.operator.put_limits(make.limits(house.tenant, LimitRow("tpm", "tokens", "1h", 160)))
    assert await swept() == (4, 4)  # raised: more go at the next turn
    await house.operator.put_limits(make.limits(house.tenant))
    assert await swept() == (5, None)  # lifted: the rest


async def test_waiting_for_a_limit_of_ours_is_never_too_often(house):
    ids = await house.declare(LimitRow("tpm", "tokens", "1h", 100))
    row = await house.pipeline()
    item = await house.submit(row)
    for _ in range(5):
        await parked(house, row, ids["tpm"], 40)
        await house.gateway.sweep()
    assert await house.states(item) == {"only": "ready"}


async def test_waiting_for_a_provider_that_cools_is_never_too_often(house):
    row = await house.pipeline()
    item = await house.submit(row)
    for _ in range(5):
        lease = await house.lease(row)
        await house.gateway.park(make.mark(lease, 0, reason="CoolingDown"))
        await house.gateway.fail([make.failure(lease)])
        await house.gateway.sweep()
    assert await house.states(item) == {"only": "ready"}


async def test_tenants_that_wait_for_a_provider_share_what_it_lets_go_by_weight(
    house, operator, admin
):
    owner = f"provider/{make.fresh('provider')}"
    shared = make.limits("_platform", LimitRow("rpm", "requests", "1h", 80), owner=owner)
    await operator.put_limits(shared)
    limit = next(one.id for one in await house.gateway.limits_of("x") if one.owner == owner)
    freed: dict[str, int] = {}
    houses = {}
    for weight in (1, 2, 5):
        name = make.fresh("tenant")
        await operator.put_tenant(dataclasses.replace(make.tenant(name), weight=weight))
        houses[weight] = dataclasses.replace(house, tenant=name)
        row = await houses[weight].pipeline()
        for _ in range(80):
            await houses[weight].submit(row)
        for lease in await houses[weight].claim(row, 80):
            await house.gateway.park(make.mark(lease, 600, limit_id=limit, amount=1))
            await house.gateway.fail([make.failure(lease)])

    async def waiting():
        usages = await operator.usage("_platform")
        return next(one.waiting for one in usages if one.owner == owner)

    assert await waiting() == 240  # steps of three tenants, for whoever owns the limit
    await house.gateway.sweep()
    assert await waiting() <= 240 - 77
    for weight, one in houses.items():
        freed[one.tenant] = await admin.fetchval(
            "SELECT count(*) FROM headrace.tasks WHERE tenant = $1 AND state = 'ready'", one.tenant
        )
        assert abs(freed[one.tenant] - 10 * weight) <= 1
    assert sum(freed.values()) <= 83
    await operator.put_limits(make.limits("_platform", owner=owner))
