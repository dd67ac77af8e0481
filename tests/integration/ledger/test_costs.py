"""What calls cost: exact to the last digit, a currency at a time, and beyond the life of a run."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

import ledger_rows as make
from headrace_ledger.costs import CostRecord
from headrace_ledger.errors import LedgerError

pytestmark = pytest.mark.postgres

ALWAYS = (date(2020, 1, 1), date(2100, 1, 1))
TINY = Decimal("0.000000000000000001")


def call(lease, **changes):
    """A call whose tokens are of every kind, at a price of the spec."""
    kinds = {"cached_input_tokens": 4, "reasoning_tokens": 2, "price_version": "spec"}
    return make.call(lease, **{"cost": Decimal("0.1"), **kinds, **changes})


async def started(house, row=None):
    row = row or await house.pipeline()
    item = await house.submit(row)
    return row, item, await house.lease(row)


async def forget(house, admin, item, lease):
    """Let the run end, its results expire, and the sweep come by."""
    await house.gateway.complete([make.completion(lease)])
    sql = "UPDATE headrace.runs SET due_at = now() - interval '1 s' WHERE id = $1"
    await admin.execute(sql, item.id)
    while await house.gateway.run(house.tenant, item.id) is not None:
        await house.gateway.sweep()


async def costs(house, by, since=ALWAYS[0], until=ALWAYS[1]):
    return await house.gateway.costs(house.tenant, since, until, by)


async def test_costs_add_up_to_the_last_digit_and_currencies_stay_apart(house):
    row, item, lease = await started(house)
    for idx in range(100):
        await house.gateway.record_call(call(lease, idx=idx, cost=Decimal("0.1") + TINY))
    await house.gateway.record_call(call(lease, idx=100, model="large", currency="EUR"))
    await house.gateway.record_call(call(lease, idx=101, cost=None, currency=None))
    some = CostRecord("", "USD", 100, 1000, 400, 300, 200, 10 + 100 * TINY)
    euros = CostRecord("", "EUR", 1, 10, 4, 3, 2, Decimal("0.1"))
    unpriced = CostRecord("", None, 1, 10, 4, 3, 2, None)
    keys = {
        "tenant": house.tenant,
        "pipeline": f"{row.namespace}/{row.name}",
        "run": str(item.id),
    }
    for by, key in keys.items():
        found = await costs(house, by)
        assert found == [dataclasses.replace(one, key=key) for one in (euros, some, unpriced)]
    small, large = "openai/small", "openai/large"
    assert await costs(house, "model") == [
        dataclasses.replace(euros, key=large),
        dataclasses.replace(some, key=small),
        dataclasses.replace(unpriced, key=small),
    ]


@pytest.mark.parametrize("by", ["tenant", "pipeline", "step", "model"])
async def test_what_was_spent_outlives_the_run_in_the_same_rows(house, admin, by):
    row, item, lease = await started(house)
    for idx, currency in enumerate(["USD", "USD", "EUR", None]):
        cost = None if currency is None else Decimal("0.1") + TINY
        await house.gateway.record_call(call(lease, idx=idx, cost=cost, currency=currency))
    before = await costs(house, by)
    assert len(before) == 3
    await forget(house, admin, item, lease)
    assert await admin.fetch("SELECT FROM headrace.calls WHERE run = $1", item.id) == []
    assert await costs(house, by) == before
    _, again, lease = await started(house, row)
    await house.gateway.record_call(call(lease, cost=TINY))
    [_, dollars, _] = await costs(house, by)
    assert (dollars.calls, dollars.cost) == (3, Decimal("0.2") + 3 * TINY)
    await forget(house, admin, again, lease)
    assert (await costs(house, by))[1] == dollars


async def test_which_run_it_was_is_forgotten_with_the_run(house, admin):
    _, item, lease = await started(house)
    await house.gateway.record_call(call(lease))
    [known] = await costs(house, "run")
    await forget(house, admin, item, lease)
    assert await costs(house, "run") == [dataclasses.replace(known, key="")]


async def test_a_pipelines_name_outlives_the_pipeline(house, admin):
    row, item, lease = await started(house)
    await house.gateway.record_call(call(lease))
    await forget(house, admin, item, lease)
    before = await costs(house, "pipeline")
    await house.operator.delete_pipeline(row.uid, house.tenant)
    await house.gateway.sweep()
    assert await costs(house, "pipeline") == before
    assert before[0].key == f"{row.namespace}/{row.name}"


async def test_a_call_of_before_the_migration_is_its_runs_pipelines(house, admin):
    row, item, lease = await started(house)
    await house.gateway.record_call(call(lease))
    await admin.execute("UPDATE headrace.calls SET pipeline = NULL WHERE run = $1", item.id)
    assert [one.key for one in await costs(house, "pipeline")] == [f"{row.namespace}/{row.name}"]


async def test_regression_09_a_call_that_nobody_lived_to_settle_is_its_pipelines_too(house, admin):
    row, item, _ = await started(house)
    cost = {"cost": Decimal("0.25"), "currency": "USD"}
    wish = make.reserve(house.tenant, run=item.id, provider="openai", model="small", **cost)
    await house.gateway.reserve(wish)
    sql = "UPDATE headrace.reservations SET expires_at = now() - interval '1 s' WHERE id = $1"
    await admin.execute(sql, wish.id)
    while not (found := await costs(house, "pipeline")):
        await house.gateway.sweep()
    key = f"{row.namespace}/{row.name}"
    assert found == [CostRecord(key, "USD", 1, 10, 0, 20, 0, Decimal("0.25"))]
    assert await admin.fetchval("SELECT pipeline FROM headrace.calls WHERE id = $1", wish.id)


async def test_days_begin_at_midnight_of_utc_before_and_after_the_run_is_forgotten(house, admin):
    _, item, lease = await started(house)
    midnight = datetime(2026, 3, 29, tzinfo=UTC)
    for idx, at in enumerate([midnight - timedelta(microseconds=1), midnight]):
        made = call(lease, idx=idx)
        await house.gateway.record_call(made)
        await admin.execute("UPDATE headrace.calls SET at = $2 WHERE id = $1", made.id, at)

    async def counted():
        days = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 3, 31)]
        spans = itertools.pairwise(days)
        return [sum(c.calls for c in await costs(house, "tenant", *span)) for span in spans]

    assert await counted() == [1, 1, 0]
    await forget(house, admin, item, lease)
    assert await counted() == [1, 1, 0]


async def test_a_tenant_sees_its_own_costs_only(house, operator, admin, ledger_server):
    _, item, lease = await started(house)
    await house.gateway.record_call(call(lease))
    other = make.fresh("tenant")
    await operator.put_tenant(make.tenant(other))
    assert await house.gateway.costs(other, *ALWAYS, "tenant") == []
    await forget(house, admin, item, lease)
    assert await house.gateway.costs(other, *ALWAYS, "tenant") == []
    con = await asyncpg.connect(ledger_server.gateway_url)
    assert await con.fetch("SELECT * FROM headrace.spend") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await con.execute("DELETE FROM headrace.spend")
    await con.close()
    theirs = await asyncpg.connect(ledger_server.operator_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await theirs.fetch("SELECT * FROM headrace.spend")
    await theirs.close()


async def test_the_operator_sees_sums_of_the_month_only(house, admin):
    _, item, lease = await started(house)
    for idx, at in enumerate(["2026-02-28 23:59:59Z", "2026-03-01 00:00Z", "2026-03-02 00:00Z"]):
        made = call(lease, idx=idx)
        await house.gateway.record_call(made)
        sql = "UPDATE headrace.calls SET at = $2 WHERE id = $1"
        await admin.execute(sql, made.id, datetime.fromisoformat(at))
    await house.gateway.record_call(call(lease, idx=3, cost=None, currency=None))

    async def month(day):
        return await house.operator.month_costs(house.tenant, date(2026, 3, day))

    for _ in range(2):
        assert await month(1) == {"USD": Decimal("0.1")}
        assert await month(31) == {"USD": Decimal("0.2")}
        await forget(house, admin, item, lease)
    with pytest.raises(LedgerError, match="permission denied"):
        await house.operator.costs(house.tenant, *ALWAYS, "tenant")


async def test_costs_by_anything_else_are_refused(house):
    with pytest.raises(LedgerError):
        await costs(house, "moon")
