from __future__ import annotations

import dataclasses

import pytest

import ledger_rows as make
from headrace_ledger.declared import Remaining
from headrace_ledger.errors import InvalidItemError
from headrace_ledger.records import RunStatus

pytestmark = pytest.mark.postgres


async def test_a_pipeline_is_found_by_the_tenant_of_its_namespace(house):
    row = await house.pipeline()
    found = await house.gateway.pipeline(row.namespace, row.name)
    assert (found.tenant, found.uid, found.digest, found.compiled) == (
        house.tenant,
        row.uid,
        row.digest,
        row.compiled,
    )
    assert await house.gateway.version(house.tenant, row.digest) == row.compiled
    assert await house.gateway.pipeline("nowhere", row.name) is None
    assert await house.gateway.tenant_of(row.namespace) == house.tenant


async def test_a_namespace_that_moves_belongs_to_who_took_it_last(house, operator):
    space, other = make.fresh("space"), make.fresh("tenant")
    await operator.put_tenant(make.tenant(house.tenant, space))
    await operator.put_tenant(make.tenant(other, space))
    assert await house.gateway.tenant_of(space) == other
    await operator.put_tenant(make.tenant(other, "elsewhere"))
    assert await house.gateway.tenant_of(space) == house.tenant


async def test_a_tenant_is_deleted_by_its_uid_only(operator, gateway):
    row = make.tenant(make.fresh("tenant"))
    await operator.put_tenant(row)
    await operator.delete_tenant(row.tenant, "another uid")
    assert row in await operator.tenants()
    await operator.delete_tenant(row.tenant, row.uid)
    assert row not in await operator.tenants()
    assert await gateway.tenant_of(row.namespaces[0]) is None


async def test_the_same_put_again_changes_nothing_but_the_policy(house, admin):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    sql = "SELECT xmin::text, ctid::text FROM headrace.steps WHERE tenant = $1 ORDER BY no"
    before = await house.gateway.pools()
    await house.operator.put_pipeline(dataclasses.replace(row, stop_policy="Hold"))
    after = await house.gateway.pools()
    assert [dataclasses.replace(p, held=False) for p in after if p.tenant == house.tenant] == [
        p for p in before if p.tenant == house.tenant
    ]
    assert (
        await admin.fetchval(
            "SELECT count(*) FROM headrace.versions WHERE tenant = $1", house.tenant
        )
        == 1
    )
    assert len(await admin.fetch(sql, house.tenant)) == 2


async def test_a_run_keeps_the_version_that_it_was_accepted_with(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    item = await house.submit(row)
    await house.operator.put_pipeline(
        dataclasses.replace(row, digest="sha256:new", steps=(make.edge("x"),), generation=2)
    )
    lease = await house.lease(row)
    assert (lease.step, lease.digest) == ("a", row.digest)
    done = await house.gateway.complete_one(make.completion(lease, next_key_hash=make.key()))
    assert done.next.step == "b"
    assert (await house.gateway.run(house.tenant, item.id)).digest == row.digest
    assert (await house.gateway.pipeline(row.namespace, row.name)).digest == "sha256:new"


BROKEN = {
    "an unknown pool": {"pools": ()},
    "an unknown step": {"steps": (make.edge("a", "nobody"),)},
    "no steps": {"steps": ()},
    "NUL in the compiled pipeline": {"compiled": "\0"},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
async def test_a_pipeline_that_could_lose_a_step_is_refused(house, changes):
    row = dataclasses.replace(make.pipeline(house.tenant), **changes)
    with pytest.raises(InvalidItemError):
        await house.operator.put_pipeline(row)


async def test_a_pipeline_of_sixty_four_steps_uses_every_bit(house):
    steps = [make.edge("s1")] + [make.edge(f"s{n}", f"s{n - 1}") for n in range(2, 65)]
    row = await house.pipeline(*steps)
    item = await house.submit(row)
    lease = await house.lease(row)
    while lease is not None:
        lease = (
            await house.gateway.complete_one(make.completion(lease, next_key_hash=make.key()))
        ).next
    assert (await house.gateway.run(house.tenant, item.id)).status == RunStatus.SUCCEEDED


async def test_draining_holds_at_once_and_spares_running_steps_for_fifteen_seconds(house, admin):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    running, waiting = await house.submit(row), await house.submit(row)
    lease = await house.lease(row)
    assert await house.operator.drain_pipeline(row.uid, house.tenant) == Remaining(1, 2)
    assert (await house.gateway.pipeline(row.namespace, row.name)).deleting
    assert (await house.gateway.accept_one(make.submit(row))).outcome == "Gone"
    assert await house.claim(row) == []
    await house.gateway.complete([make.completion(lease)])  # it had its time
    assert await house.operator.drain_pipeline(row.uid, house.tenant) == Remaining(0, 0)
    for item in (running, waiting):
        assert (await house.gateway.run(house.tenant, item.id)).status == RunStatus.CANCELLED


async def test_what_still_runs_after_fifteen_seconds_is_cancelled(house, admin):
    row = await house.pipeline()
    await house.submit(row)
    lease = await house.lease(row)
    await house.operator.drain_pipeline(row.uid, house.tenant)
    await admin.execute(
        "UPDATE headrace.pipelines SET deleting_since = now() - interval '16 s' WHERE tenant = $1",
        house.tenant,
    )
    assert await house.operator.drain_pipeline(row.uid, house.tenant) == Remaining(0, 0)
    assert await house.gateway.check_fence(house.tenant, lease.task, lease.fence) == "Cancelled"


async def test_a_deleted_pipeline_leaves_its_finished_runs_and_nothing_else(house, admin):
    row = await house.pipeline(make.edge("a"), make.edge("b", pool="far"))
    done, open_run = await house.submit(row), await house.submit(row)
    for pool in ("default", "far"):
        [lease, *_] = [x for x in await house.claim(row, 2, pool) if x.run == done.id]
        await house.gateway.complete([make.completion(lease)])
    await house.operator.delete_pipeline(row.uid, house.tenant)
    await house.operator.delete_pipeline(row.uid, house.tenant)
    assert (house.tenant, row.uid) not in await house.operator.pipeline_uids()
    assert await house.gateway.pipeline(row.namespace, row.name) is None
    for table in ("pools", "pool_counts"):
        assert (
            await admin.fetchval(
                f"SELECT count(*) FROM headrace.{table} WHERE tenant = $1", house.tenant
            )
            == 0
        )
    unfinished = """
        SELECT count(*) FROM headrace.tasks
        WHERE tenant = $1 AND state IN ('waiting', 'ready', 'leased', 'parked')"""
    assert await admin.fetchval(unfinished, house.tenant) == 0
    statuses = {r: (await house.gateway.run(house.tenant, r.id)).status for r in (done, open_run)}
    assert list(statuses.values()) == [RunStatus.SUCCEEDED, RunStatus.CANCELLED]


async def test_a_pipeline_made_anew_under_an_old_name_lists_the_old_runs_too(house):
    row = await house.pipeline()
    old = await house.submit(row)
    await house.operator.delete_pipeline(row.uid, house.tenant)
    again = dataclasses.replace(row, uid="another")
    await house.operator.put_pipeline(again)
    new = await house.submit(again)
    page, _ = await house.gateway.runs(
        house.tenant, row.namespace, row.name, status=None, limit=9, cursor=None
    )
    assert [r.id for r in page] == [new.id, old.id]


async def test_a_pipeline_that_is_put_again_after_its_deletion_takes_runs_again(house):
    row = await house.pipeline(make.edge("a"))
    await house.operator.drain_pipeline(row.uid, house.tenant)
    await house.operator.delete_pipeline(row.uid, house.tenant)
    await house.operator.put_pipeline(row)
    run = await house.submit(row)
    [lease] = await house.claim(row, 1)
    await house.gateway.complete([make.completion(lease)])
    assert (await house.gateway.run(house.tenant, run.id)).status is RunStatus.SUCCEEDED
