"""What budgets tell: once in a window, claimed by one gateway, tried until it is told."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

import ledger_rows as make
from headrace_ledger.declared import LimitRow
from headrace_ledger.reservations import Draw

pytestmark = pytest.mark.postgres

UNIT = 10**9
HOOK = {"url": "https://acme.example/hook", "secretRef": {"name": "acme", "key": "signingKey"}}


def budget(amount=100, window="CalendarMonth", *, webhook=HOOK, percents=(50, 80), enforced=True):
    spec = {"currency": "USD", "softPercents": list(percents)}
    said = json.dumps({**spec, "webhook": webhook} if webhook else spec, separators=(",", ":"))
    return LimitRow(
        "budget.month", "cost", window, amount * UNIT, zone="UTC", spec=said, enforced=enforced
    )


async def declare(house, **changes):
    ids = await house.declare(budget(**changes))
    return ids["budget.month"]


async def spend(house, limit, units, *, settled=True):
    wish = make.reserve(house.tenant, Draw(house.tenant, limit, "cost", units * UNIT))
    await house.gateway.reserve(wish)
    if settled:
        await house.gateway.settle(make.settlement(wish, cost=Decimal(units)))


async def told(house, admin):
    """What there is of the tenant: percent, end, amount, and what was spent by then."""
    await house.gateway.sweep()
    rows = await admin.fetch(
        """SELECT percent, exhausted, amount / 1000000000 AS amount, spent / 1000000000 AS spent
           FROM headrace.deliveries WHERE tenant = $1 ORDER BY at, percent, exhausted""",
        house.tenant,
    )
    return [tuple(row) for row in rows]


async def mine(house):
    return [one for one in await house.gateway.claim_deliveries(500) if one.tenant == house.tenant]


async def later(house, admin, seconds):
    """Let it be that much later for what waits."""
    await admin.execute(
        """UPDATE headrace.deliveries SET next_at = next_at - $2 * interval '1 s',
           at = at - $2 * interval '1 s', window_end = window_end - $2 * interval '1 s'
           WHERE tenant = $1""",
        house.tenant,
        seconds,
    )


async def test_each_percent_and_the_end_are_told_once(house, admin):
    limit = await declare(house)
    await spend(house, limit, 49)
    assert await told(house, admin) == []
    await spend(house, limit, 1)
    assert await told(house, admin) == [(50, False, 100, 50)]
    assert await told(house, admin) == [(50, False, 100, 50)]
    await spend(house, limit, 50)
    want = [(50, False, 100, 50), (80, False, 100, 100), (100, True, 100, 100)]
    assert await told(house, admin) == want
    assert await told(house, admin) == want


async def test_a_new_amount_is_told_anew(house, admin):
    limit = await declare(house, percents=())
    await spend(house, limit, 100)
    await declare(house, amount=150, percents=())
    assert await told(house, admin) == []
    await spend(house, limit, 50)
    assert await told(house, admin) == [(100, True, 150, 150)]


async def test_what_calls_hold_is_not_spent(house, admin):
    limit = await declare(house)
    await spend(house, limit, 100, settled=False)
    assert await told(house, admin) == []


async def test_a_budget_ends_where_a_step_waits_for_more_than_is_left(house, admin):
    limit = await declare(house, percents=())
    row = await house.pipeline()
    await house.submit(row)
    lease = await house.lease(row)
    await house.gateway.park(make.mark(lease, 600, limit_id=limit, amount=30 * UNIT))
    [done] = await house.gateway.fail([make.failure(lease)])
    assert done.outcome == "Parked"
    await spend(house, limit, 60)
    await spend(house, limit, 20, settled=False)  # the step waits for this call to end
    assert await told(house, admin) == []
    await spend(house, limit, 11)
    assert await told(house, admin) == [(100, True, 100, 71)]


async def test_in_shadow_mode_nothing_is_at_its_end(house, admin):
    limit = await declare(house, percents=(), enforced=False)
    await spend(house, limit, 120)
    assert await told(house, admin) == [(100, False, 100, 120)]


async def test_without_a_webhook_there_is_nothing_to_tell(house, admin):
    limit = await declare(house, webhook=None)
    await spend(house, limit, 100)
    assert await told(house, admin) == []


async def test_the_largest_budget_is_told_too(house, admin):
    limit = await declare(house, amount=999_999_999)
    await spend(house, limit, 899_999_999)
    assert [row[0] for row in await told(house, admin)] == [50, 80]


async def test_a_window_that_slides_is_told_again_a_day_later(house, admin):
    limit = await declare(house, window="1d", percents=())
    await spend(house, limit, 100)
    await told(house, admin)
    [one] = await mine(house)
    await house.gateway.delivered(one)
    await later(house, admin, 24 * 3600 - 60)
    assert len(await told(house, admin)) == 1
    await later(house, admin, 61)
    assert await told(house, admin) == [(100, True, 100, 100)]  # the row of the last day is gone
    [again] = await mine(house)
    assert again.id != one.id


async def test_one_gateway_claims_what_is_due(house, admin):
    await spend(house, await declare(house), 60)
    await told(house, admin)
    both = await asyncio.gather(mine(house), mine(house))
    [one] = [one for claimed in both for one in claimed]
    assert (one.name, one.percent, one.exhausted, one.tries) == ("budget.month", 50, False, 1)
    assert (one.amount, one.spent, one.currency) == (100 * UNIT, 60 * UNIT, "USD")
    assert json.loads(one.webhook) == HOOK
    assert one.window_end > one.at
    assert await mine(house) == []


async def test_what_is_told_is_tried_no_more(house, admin):
    await spend(house, await declare(house), 60)
    await told(house, admin)
    [one] = await mine(house)
    await house.gateway.delivered(one)
    await later(house, admin, 3600)
    assert await mine(house) == []


async def test_what_is_not_told_is_tried_again_ever_later_and_given_up_after_a_day(house, admin):
    await spend(house, await declare(house, percents=()), 100)
    await told(house, admin)
    waits, one = [], None
    while one is None or not one.last:
        [one] = await mine(house)
        due = await admin.fetchval(
            "SELECT next_at - now() FROM headrace.deliveries WHERE tenant = $1", house.tenant
        )
        waits.append(due and round(due.total_seconds()))
        await later(house, admin, (waits[-1] or 0) + 1)
    assert waits[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert waits[-1] is None
    assert one.tries == len(waits) == 30
    assert await mine(house) == []


async def test_a_webhook_that_was_mended_is_told_what_waits(house, admin):
    await spend(house, await declare(house, percents=()), 100)
    await told(house, admin)
    await mine(house)
    await declare(house, percents=(), webhook={**HOOK, "url": "https://acme.example/new"})
    await later(house, admin, 31)
    [one] = await mine(house)
    assert json.loads(one.webhook)["url"] == "https://acme.example/new"


async def test_a_webhook_that_is_gone_is_told_nothing(house, admin):
    await spend(house, await declare(house), 60)
    await told(house, admin)
    await declare(house, webhook=None)
    assert await mine(house) == []
    await declare(house)
    assert await mine(house) == []


async def test_no_tenant_fills_the_line_of_the_others(house, admin):
    await spend(house, await declare(house, percents=(1, 2, 3, 4, 5, 6)), 60)
    await told(house, admin)
    assert len(await mine(house)) == 4
    assert len(await mine(house)) == 2


async def test_deliveries_go_with_their_tenant(house, admin):
    await spend(house, await declare(house), 60)
    assert await told(house, admin)
    await house.operator.delete_tenant(house.tenant, f"uid-of-{house.tenant}")
    assert await told(house, admin) == []


async def test_a_call_that_was_refused_for_what_calls_hold_is_no_end(house, admin):
    limit = await declare(house, percents=())
    await spend(house, limit, 60)
    await house.gateway.tell_refusal(house.tenant, limit, 40 * UNIT)
    assert await told(house, admin) == []
    await house.gateway.tell_refusal(house.tenant, limit, 41 * UNIT)
    await house.gateway.tell_refusal(house.tenant, limit, 50 * UNIT)
    assert await told(house, admin) == [(100, True, 100, 60)]


async def test_a_refusal_is_of_one_tenant_and_one_budget(house, admin):
    limit = await declare(house, percents=())
    await spend(house, limit, 60)
    await house.gateway.tell_refusal("somebody-else", limit, 50 * UNIT)
    await house.gateway.tell_refusal(house.tenant, limit + 1, 50 * UNIT)
    assert await told(house, admin) == []
