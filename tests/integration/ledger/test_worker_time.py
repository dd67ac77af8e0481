"""How long workers were ready, and what that cost: counted once, whoever counts."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal

import pytest

from headrace_ledger.costs import WorkersRow

pytestmark = pytest.mark.postgres

ALWAYS = (date(2020, 1, 1), date(2100, 1, 1))
HOURLY = Decimal("0.36")


async def counts(house, row, ready, currency="USD"):
    [pool] = {step.pool for step in row.steps}
    rows = [WorkersRow(row.uid, pool, ready, HOURLY)]
    await house.operator.count_workers(house.tenant, rows, currency)


async def ago(house, admin, seconds):
    """Let the last count have been so long ago."""
    await admin.execute(
        "UPDATE headrace.pools SET counted_at = counted_at - make_interval(secs => $2)"
        " WHERE tenant = $1",
        house.tenant,
        seconds,
    )


async def costs(house, by="tenant", days=ALWAYS):
    return await house.gateway.worker_costs(house.tenant, *days, by)


async def test_time_is_counted_from_one_look_to_the_next(house, admin):
    row = await house.pipeline()
    await counts(house, row, 3)
    assert await costs(house) == []  # since when they are there is not known
    await ago(house, admin, 60)
    await counts(house, row, 3)
    [found] = await costs(house)
    assert (found.key, found.currency) == (house.tenant, "USD")
    assert 180 <= found.seconds < 190
    assert found.cost == pytest.approx(found.seconds * HOURLY / 3600)
    [by_pipeline] = await costs(house, "pipeline")
    assert by_pipeline.key == f"{row.namespace}/{row.name}"
    assert by_pipeline.seconds == found.seconds


async def test_what_was_not_looked_at_is_not_made_up(house, admin):
    row = await house.pipeline()
    await counts(house, row, 3)
    await ago(house, admin, 91)
    await counts(house, row, 3)
    assert await costs(house) == []


async def test_the_last_workers_are_counted_until_somebody_sees_that_they_are_gone(house, admin):
    row = await house.pipeline()
    await counts(house, row, 3)
    await ago(house, admin, 10)
    await counts(house, row, 0)
    [found] = await costs(house)
    assert 30 <= found.seconds < 40
    await ago(house, admin, 10)
    await counts(house, row, 5)
    assert await costs(house) == [found]  # since when these are there is not known


async def test_two_who_count_at_once_add_nothing_twice(house, admin):
    row = await house.pipeline()
    await counts(house, row, 1)
    await ago(house, admin, 60)
    await asyncio.gather(*(counts(house, row, 1) for _ in range(8)))
    [found] = await costs(house)
    assert 60 <= found.seconds < 70


async def test_currencies_and_tenants_stay_apart_and_days_are_whole(house, admin, operator):
    row = await house.pipeline()
    for currency in ("USD", "EUR"):
        await counts(house, row, 1, currency)
        await ago(house, admin, 30)
        await counts(house, row, 1, currency)
    assert [one.currency for one in await costs(house)] == ["EUR", "USD"]
    assert await house.gateway.worker_costs("somebody-else", *ALWAYS, "tenant") == []
    assert await costs(house, days=(date(2020, 1, 1), date(2020, 1, 2))) == []
    await operator.count_workers(house.tenant, [WorkersRow("gone", "p", 1, HOURLY)], "USD")
