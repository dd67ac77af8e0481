"""A lease is its own pipeline's: for the workers of another one its task is not there."""

from __future__ import annotations

import dataclasses

import pytest

import ledger_rows as make
from headrace_ledger.records import HeldLease, Release

pytestmark = pytest.mark.postgres


def beat(lease, pipeline):
    return HeldLease(lease.tenant, lease.task, lease.fence, pipeline)


def release(lease, pipeline):
    return Release(
        lease.tenant, lease.task, lease.fence, make.fresh("r"), "worker-1", pipeline=pipeline
    )


VERBS = {
    "complete": (
        lambda g, x, p: g.complete([make.completion(x, '"forged"', pipeline=p)]),
        ("Stale", "Done"),
    ),
    "fail": (lambda g, x, p: g.fail([make.failure(x, pipeline=p)]), ("Stale", "Retry")),
    "release": (lambda g, x, p: g.release([release(x, p)]), ("Stale", "Released")),
    "heartbeat": (lambda g, x, p: g.heartbeat([beat(x, p)]), ("Lost", "Held")),
}


@pytest.mark.parametrize(("verb", "want"), VERBS.values(), ids=VERBS)
async def test_another_pipelines_worker_cannot(house, verb, want):
    mine, theirs = await house.pipeline(), await house.pipeline()
    run = await house.submit(mine)
    lease = await house.lease(mine)
    by_uid = {p.pipeline_uid: p.pipeline_id for p in await house.gateway.pools()}
    said = []
    for pipeline in (by_uid[theirs.uid], by_uid[mine.uid]):
        [outcome] = await verb(house.gateway, lease, pipeline)
        said.append(outcome if isinstance(outcome, str) else outcome.outcome)
        if pipeline == by_uid[theirs.uid]:
            assert await house.states(run) == {"only": "leased"}
    assert tuple(said) == want


async def test_a_stored_answer_is_not_for_another_pipelines_worker(house):
    mine, theirs = await house.pipeline(), await house.pipeline()
    await house.submit(mine)
    done = make.completion(await house.lease(mine))
    by_uid = {p.pipeline_uid: p.pipeline_id for p in await house.gateway.pools()}
    for pipeline, outcome in ((mine, "Done"), (mine, "Done"), (theirs, "Stale")):
        item = dataclasses.replace(done, pipeline=by_uid[pipeline.uid])
        [said] = await house.gateway.complete([item])
        assert (said.outcome, said.run_finished) == (outcome, outcome == "Done")


async def test_one_batch_holds_items_of_both(house):
    mine, theirs = await house.pipeline(), await house.pipeline()
    by_uid = {p.pipeline_uid: p.pipeline_id for p in await house.gateway.pools()}
    leases = []
    for row in (mine, theirs):
        await house.submit(row)
        leases.append(await house.lease(row))
    ids = [by_uid[mine.uid], by_uid[mine.uid]]
    items = [make.completion(x, pipeline=p) for x, p in zip(leases, ids, strict=True)]
    assert [d.outcome for d in await house.gateway.complete(items)] == ["Done", "Stale"]


async def test_the_ledger_keeps_the_account_that_the_operator_named_last(house):
    row = await house.pipeline(service_account_uid="sa-1")
    await house.operator.put_pipeline(dataclasses.replace(row, service_account_uid="sa-2"))
    [pool] = [p for p in await house.gateway.pools() if p.pipeline_uid == row.uid]
    assert (pool.service_account, pool.service_account_uid) == (row.service_account, "sa-2")
