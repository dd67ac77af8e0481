from __future__ import annotations

import dataclasses

import pytest

import ledger_rows as make
from headrace_ledger.records import HeldLease, RunStatus

pytestmark = pytest.mark.postgres


async def outlive(admin, lease):
    await admin.execute(
        "UPDATE headrace.tasks SET lease_until = now() - interval '1 s' WHERE id = $1", lease.task
    )


async def test_an_expired_lease_is_handed_on_and_spends_no_attempt(house, admin):
    row = await house.pipeline()
    item = await house.submit(row)
    lease = await house.lease(row)
    await outlive(admin, lease)
    swept = await house.gateway.sweep()
    assert swept.ran
    assert await house.pool(row) in swept.pool_ids
    again = await house.lease(row)
    assert (again.task, again.fence, again.attempt) == (lease.task, 2, 1)
    [step] = (await house.gateway.run(house.tenant, item.id)).steps
    assert step.losses == 1


async def test_a_batch_of_many_tenants_is_as_full_as_one_of_one(house):
    other = dataclasses.replace(house, tenant=make.fresh("tenant"))
    await house.operator.put_tenant(make.tenant(other.tenant))
    for each in (house, other):
        row = await each.pipeline(run_seconds=0)
        await each.gateway.accept([make.submit(row) for _ in range(260)])
    swept = [await house.gateway.sweep() for _ in range(2)]
    assert [turn.more for turn in swept] == [True, False]
    assert sum(turn.timed_out for turn in swept) >= 520


async def test_after_a_gap_nothing_expires(house, admin):
    row = await house.pipeline()
    await house.submit(row)
    lease = await house.lease(row)
    await outlive(admin, lease)
    await house.gateway.sweep(after_gap=True)
    held = HeldLease(house.tenant, lease.task, lease.fence)
    assert await house.gateway.heartbeat([held]) == ["Held"]
    await house.gateway.sweep()
    assert await house.gateway.heartbeat([held]) == ["Held"]


async def test_a_marked_lease_that_expires_becomes_its_park(house, admin):
    row = await house.pipeline()
    item = await house.submit(row)
    lease = await house.lease(row)
    await house.gateway.park(make.mark(lease, 600.0))
    await outlive(admin, lease)
    await house.gateway.sweep()
    assert await house.states(item) == {"only": "parked"}


async def test_a_stuck_step_ends_by_its_timeout_and_spends_an_attempt(house, admin):
    row = await house.pipeline(max_attempts=2)
    item = await house.submit(row)
    for want in ("ready", "dead"):
        lease = await house.lease(row)
        await admin.execute(
            "UPDATE headrace.tasks SET deadline = now() - interval '6 s' WHERE id = $1", lease.task
        )
        await house.gateway.sweep()
        assert await house.states(item) == {"only": want}
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.error_class) == (RunStatus.FAILED, "Timeout")


async def test_a_park_ends_in_time_and_wakes_its_pool(house, admin):
    row = await house.pipeline()
    item = await house.submit(row)
    lease = await house.lease(row)
    await house.gateway.fail(
        [make.failure(lease, "Park", error_class="RateLimited", delay_seconds=600)]
    )
    await house.gateway.sweep()
    assert await house.states(item) == {"only": "parked"}
    await admin.execute("UPDATE headrace.tasks SET ready_at = now() WHERE id = $1", lease.task)
    swept = await house.gateway.sweep()
    assert await house.pool(row) in swept.pool_ids
    assert await house.states(item) == {"only": "ready"}


async def test_a_run_past_its_longest_duration_fails_as_timeout(house, admin):
    row = await house.pipeline(max_concurrent_runs=1)
    item, waiting = await house.submit(row), await house.submit(row)
    lease = await house.lease(row)
    await admin.execute(
        "UPDATE headrace.runs SET due_at = now() - interval '1 s' WHERE id = $1", item.id
    )
    await house.gateway.sweep()
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.error_class) == (RunStatus.FAILED, "Timeout")
    assert await house.gateway.check_fence(house.tenant, lease.task, lease.fence) == "Cancelled"
    assert await house.states(waiting) == {"only": "ready"}


async def test_a_finished_run_is_forgotten_after_its_ttl_with_all_that_is_its(house, admin):
    row = await house.pipeline(make.edge("a"), max_attempts=1)
    done, failed = await house.submit(row), await house.submit(row)
    first, second = await house.claim(row, 2)
    await house.gateway.complete([make.completion(first)])
    await house.gateway.fail([make.failure(second)])
    await admin.execute(
        "UPDATE headrace.runs SET due_at = now() - interval '1 s' WHERE tenant = $1", house.tenant
    )
    swept = await house.gateway.sweep()
    assert swept.deleted_runs >= 2
    for item in (done, failed):
        assert await house.gateway.run(house.tenant, item.id) is None
    for table in ("runs", "tasks", "inputs", "outputs", "events", "calls"):
        sql = f"SELECT count(*) FROM headrace.{table} WHERE tenant = $1"
        assert await admin.fetchval(sql, house.tenant) == 0, table
    [counts] = await house.gateway.counts([await house.pool(row)])
    assert counts.dead == 0


async def test_a_pool_that_left_the_spec_drains_and_goes(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a", pool="old"))
    item = await house.submit(row)
    newer = make.pipeline(house.tenant, make.edge("a"), name=row.name, digest="sha256:newer")
    await house.operator.put_pipeline(newer)
    await house.gateway.sweep()
    assert {
        p.pool: p.draining for p in await house.gateway.pools() if p.pipeline_uid == row.uid
    } == {
        "default": False,
        "old": True,
    }
    await house.gateway.complete([make.completion(await house.lease(row))])
    await house.gateway.complete([make.completion(await house.lease(row, "old"))])
    assert (await house.gateway.run(house.tenant, item.id)).status == RunStatus.SUCCEEDED
    await house.gateway.sweep()
    assert [p.pool for p in await house.gateway.pools() if p.pipeline_uid == row.uid] == ["default"]
    # the old version cannot run any more; put again, it can
    assert (await house.gateway.accept_one(make.submit(row))).outcome == "Gone"
    await house.operator.put_pipeline(row)
    await house.submit(row)
    await house.gateway.complete([make.completion(await house.lease(row))])
    assert (await house.lease(row, "old")).step == "b"


async def test_two_sweeps_at_once_do_the_work_once(house, admin):
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock(hashtextextended('headrace.sweep', 0))")
        assert not (await house.gateway.sweep()).ran
    assert (await house.gateway.sweep()).ran


async def test_a_deleted_pipelines_tombstone_goes_with_its_last_run(house, admin):
    row = await house.pipeline()
    item = await house.submit(row)
    await house.gateway.complete([make.completion(await house.lease(row))])
    await house.operator.delete_pipeline(row.uid, house.tenant)
    await house.gateway.sweep()
    assert (await house.gateway.run(house.tenant, item.id)).pipeline == row.name
    await admin.execute(
        "UPDATE headrace.runs SET due_at = now() - interval '1 s' WHERE id = $1", item.id
    )
    await house.gateway.sweep()
    for table in ("pipelines", "versions", "steps", "pools", "pool_counts"):
        sql = f"SELECT count(*) FROM headrace.{table} WHERE tenant = $1"
        assert await admin.fetchval(sql, house.tenant) == 0, table
