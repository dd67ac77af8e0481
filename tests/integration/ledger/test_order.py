"""In which order a pool's work is claimed: priority, deadline, age; and nothing waits for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

import ledger_rows as make
from headrace_ledger.records import RunStatus

pytestmark = pytest.mark.postgres

LATER = "UPDATE headrace.{} SET rank = rank - $2::interval WHERE {} = $1"


async def order(house, row):
    """The runs of a pool in the order in which they are claimed, one at a time."""
    found = []
    while leases := await house.claim(row):
        found += [lease.run for lease in leases]
    return found


async def wait(admin, item, minutes):
    """Let a run have waited for so long."""
    for table, column in (("runs", "id"), ("tasks", "run")):
        await admin.execute(LATER.format(table, column), item.id, timedelta(minutes=minutes))


@pytest.fixture
async def now(admin):
    return await admin.fetchval("SELECT now()")


async def test_high_goes_before_normal_and_normal_before_low(house):
    row = await house.pipeline()
    low, normal, high = [
        await house.submit(row, priority=name) for name in ("Low", "Normal", "High")
    ]
    assert await order(house, row) == [high.id, normal.id, low.id]


async def test_of_the_same_priority_the_oldest_goes_first(house):
    row = await house.pipeline()
    runs = [await house.submit(row) for _ in range(5)]
    assert await order(house, row) == [run.id for run in runs]


async def test_low_does_not_starve(house, admin):
    row = await house.pipeline()
    low = await house.submit(row, priority="Low")
    await wait(admin, low, 21)
    high = await house.submit(row, priority="High")
    assert await order(house, row) == [low.id, high.id]


async def test_a_near_deadline_goes_first_within_its_priority(house, now):
    row = await house.pipeline()
    plain = await house.submit(row)
    soon, sooner = [await house.submit(row, deadline=now + timedelta(minutes=m)) for m in (8, 4)]
    high = await house.submit(row, priority="High")
    assert await order(house, row) == [high.id, sooner.id, soon.id, plain.id]


async def test_a_far_deadline_changes_nothing(house, now):
    row = await house.pipeline()
    first = await house.submit(row)
    far = await house.submit(row, deadline=now + timedelta(hours=2))
    assert await order(house, row) == [first.id, far.id]


async def test_one_batch_keeps_each_runs_own_place(house, now):
    row = await house.pipeline()
    low = make.submit(row, priority="Low")
    soon = make.submit(row, deadline=now + timedelta(minutes=1))
    high = make.submit(row, priority="High")
    assert [done.outcome for done in await house.gateway.accept([low, soon, high])] == [
        "Accepted"
    ] * 3
    assert await order(house, row) == [high.id, soon.id, low.id]


async def test_a_later_step_has_the_place_of_its_run(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    high = await house.submit(row, priority="High")
    [first] = await house.claim(row)
    normal = await house.submit(row)
    await house.gateway.complete([make.completion(first)])
    assert await order(house, row) == [high.id, normal.id]


async def test_runs_over_the_limit_are_admitted_in_the_same_order(house):
    row = await house.pipeline(max_concurrent_runs=1)
    first, low, normal, high = [
        await house.submit(row, priority=name) for name in ("Normal", "Low", "Normal", "High")
    ]
    seen = []
    for _ in range(4):
        lease = await house.lease(row)
        seen.append(lease.run)
        await house.gateway.complete([make.completion(lease)])
    assert seen == [first.id, high.id, normal.id, low.id]


async def test_a_run_that_misses_its_deadline_fails_as_timeout(house, admin, now):
    row = await house.pipeline()
    late = await house.submit(row, deadline=now + timedelta(minutes=5))
    assert (await house.gateway.run(house.tenant, late.id)).deadline == late.deadline
    await admin.execute(
        "UPDATE headrace.runs SET due_at = created_at, deadline = created_at WHERE id = $1",
        late.id,
    )
    await house.gateway.sweep()
    run = await house.gateway.run(house.tenant, late.id)
    assert (run.status, run.error_class) == (RunStatus.FAILED, "Timeout")
    assert run.message == "the run was not over by its deadline"


DUE = {"the deadline is earlier": (60, 60), "the longest duration is earlier": (7200, 3600)}


@pytest.mark.parametrize(("seconds", "want"), DUE.values(), ids=DUE)
async def test_the_earlier_of_deadline_and_longest_duration_wins(house, admin, now, seconds, want):
    row = await house.pipeline(run_seconds=3600)
    item = await house.submit(row, deadline=now + timedelta(seconds=seconds))
    due = await admin.fetchval("SELECT due_at FROM headrace.runs WHERE id = $1", item.id)
    assert abs((due - now).total_seconds() - want) < 30


async def test_a_gateway_of_before_submits_without_both(house, admin):
    row = await house.pipeline()
    item = make.submit(row)
    told = await admin.fetch(
        "SELECT * FROM headrace.accept($1, $2, $3, $4, $5, $6, $7, $8)",
        *([getattr(item, name)] for name in ("tenant", "id", "pipeline_uid", "digest", "input")),
        [None],
        [b"body"],
        [item.traceparent],
    )
    assert [one["outcome"] for one in told] == ["Accepted"]
    [listed], _ = await house.gateway.runs(house.tenant, row.namespace, row.name)
    assert (listed.priority, listed.deadline) == ("Normal", None)
