from __future__ import annotations

import asyncio
import dataclasses

import pytest

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.records import RunStatus

pytestmark = pytest.mark.postgres


async def test_an_accepted_run_is_there_with_its_input_and_its_first_event(house):
    row = await house.pipeline()
    item = await house.submit(row)
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.input, run.pipeline, run.output) == (
        RunStatus.PENDING,
        item.input,
        row.name,
        None,
    )
    assert run.traceparent == item.traceparent
    assert await house.happened(item) == ["run.accepted"]
    assert await house.states(item) == {"only": "ready"}


async def test_only_steps_that_wait_for_nothing_start_at_once_and_their_pools_are_named(house):
    row = await house.pipeline(
        make.edge("a"), make.edge("b", pool="other"), make.edge("c", "a", "b")
    )
    done = await house.gateway.accept_one(item := make.submit(row))
    assert set(done.pool_ids) == {await house.pool(row), await house.pool(row, "other")}
    assert await house.states(item) == {"a": "ready", "b": "ready", "c": "waiting"}


AGAIN = {
    "the same submit again is the same run": ({}, "Repeated"),
    "the same id with another body is a conflict": ({"body_hash": b"other"}, "Conflict"),
    "another id is another run": ({"id": make.uuid7()}, "Accepted"),
}


@pytest.mark.parametrize(("changes", "want"), AGAIN.values(), ids=AGAIN)
async def test_submit_again(house, changes, want):
    item = await house.submit(await house.pipeline())
    done = await house.gateway.accept_one(dataclasses.replace(item, **changes))
    assert done.outcome == want


KEYS = {
    "the same key with the same body finds the earlier run": ("k", b"body", "Repeated"),
    "the same key with another body is a conflict": ("k", b"other", "Conflict"),
    "another key is another run": ("other", b"body", "Accepted"),
}


@pytest.mark.parametrize(("key", "body", "want"), KEYS.values(), ids=KEYS)
async def test_idempotency_key(house, key, body, want):
    row = await house.pipeline()
    first = await house.submit(row, idempotency_key="k")
    done = await house.gateway.accept_one(make.submit(row, idempotency_key=key, body_hash=body))
    assert done.outcome == want
    assert (done.id == first.id) == (key == "k")


async def test_a_key_belongs_to_its_pipeline(house):
    await house.submit(await house.pipeline(), idempotency_key="k")
    await house.submit(await house.pipeline(), idempotency_key="k")


GONE = {
    "an unknown pipeline": {"pipeline_uid": "nobody"},
    "an unknown version": {"digest": "sha256:nothing"},
    "a tenant that does not have it": {"tenant": "nobody"},
}


@pytest.mark.parametrize("changes", GONE.values(), ids=GONE)
async def test_gone(house, changes):
    done = await house.gateway.accept_one(make.submit(await house.pipeline(), **changes))
    assert done.outcome == "Gone"


async def test_a_mixed_batch_has_an_outcome_for_each_item_in_order(house):
    row, other = await house.pipeline(), await house.pipeline()
    old = await house.submit(row)
    twin = make.submit(row, idempotency_key="twin")
    batch = [
        make.submit(row),
        old,
        make.submit(other),
        twin,
        dataclasses.replace(twin, id=make.uuid7()),
        dataclasses.replace(twin, id=make.uuid7(), body_hash=b"x"),
        make.submit(row, digest="nothing"),
        make.submit(row, input="holds \0"),
    ]
    done = await house.gateway.accept(batch)
    want = [
        "Accepted",
        "Repeated",
        "Accepted",
        "Accepted",
        "Repeated",
        "Conflict",
        "Gone",
        "Invalid",
    ]
    assert [d.outcome for d in done] == want
    assert [done[n].id for n in (0, 1, 2, 3, 4)] == [
        batch[0].id,
        old.id,
        batch[2].id,
        twin.id,
        twin.id,
    ]


async def test_concurrent_submits_of_one_key_make_one_run(house, ledger_server):
    row = await house.pipeline()
    second = await Ledger.connect(ledger_server.gateway_url, role="gateway")
    items = [make.submit(row, idempotency_key="k") for _ in range(40)]
    gateways = [house.gateway, second] * 20
    done = await asyncio.gather(*(g.accept([i]) for g, i in zip(gateways, items, strict=True)))
    await second.close()
    assert sorted(d.outcome for [d] in done) == ["Accepted"] + ["Repeated"] * 39
    assert len({d.id for [d] in done}) == 1


async def test_concurrent_submits_share_commits(house, admin):
    row = await house.pipeline()
    items = [make.submit(row) for _ in range(200)]
    done = await asyncio.gather(*(house.gateway.accept_one(i) for i in items))
    assert {d.outcome for d in done} == {"Accepted"}
    # rows that one transaction has written share its id
    sql = "SELECT count(DISTINCT xmin::text) FROM headrace.runs WHERE tenant = $1"
    assert await admin.fetchval(sql, house.tenant) <= 4


async def test_the_list_is_paged_youngest_first_and_filtered_by_status(house):
    row = await house.pipeline()
    items = [await house.submit(row) for _ in range(5)]
    await house.gateway.cancel(house.tenant, items[1].id)
    seen, cursor = [], None
    while True:
        page, cursor = await house.gateway.runs(
            house.tenant, row.namespace, row.name, status=None, limit=2, cursor=cursor
        )
        seen += [r.id for r in page]
        if cursor is None:
            break
    assert seen == sorted((i.id for i in items), reverse=True)
    page, _ = await house.gateway.runs(
        house.tenant, row.namespace, row.name, status="Cancelled", limit=9, cursor=None
    )
    assert [r.id for r in page] == [items[1].id]


async def test_cancel_ends_every_task_and_the_run_and_only_once(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", pool="other"), make.edge("c", "a"))
    item = await house.submit(row)
    lease = await house.lease(row)
    assert await house.gateway.cancel(house.tenant, item.id) == ()
    assert await house.gateway.cancel(house.tenant, item.id) is None
    assert await house.states(item) == dict.fromkeys("abc", "cancelled")
    assert (await house.happened(item))[-2:] == ["run.cancelled", "run.finished"]
    assert (await house.gateway.run(house.tenant, item.id)).status == RunStatus.CANCELLED
    assert await house.gateway.check_fence(house.tenant, lease.task, lease.fence) == "Cancelled"
    [done] = await house.gateway.complete([make.completion(lease)])
    assert done.outcome == "Stale"


async def test_over_max_concurrent_runs_a_run_waits_and_follows_in_order(house):
    row = await house.pipeline(max_concurrent_runs=2)
    items = [await house.submit(row) for _ in range(5)]
    assert [(await house.states(i))["only"] for i in items] == [
        "ready",
        "ready",
        "waiting",
        "waiting",
        "waiting",
    ]
    leases = await house.claim(row, 5)
    assert {lease.run for lease in leases} == {items[0].id, items[1].id}
    [done] = await house.gateway.complete([make.completion(leases[0])])
    assert done.pool_ids == (await house.pool(row),)
    assert [(await house.states(i))["only"] for i in items[2:]] == ["ready", "waiting", "waiting"]
    none = await house.gateway.cancel(house.tenant, items[3].id)
    assert none == ()  # one that waits gives no place free
    assert (await house.states(items[4]))["only"] == "waiting"
    woken = await house.gateway.cancel(house.tenant, items[2].id)
    assert woken == (await house.pool(row),)
    assert (await house.states(items[4]))["only"] == "ready"


async def test_a_raised_limit_lets_the_sweep_admit_what_waits(house):
    row = await house.pipeline(max_concurrent_runs=1)
    items = [await house.submit(row) for _ in range(4)]
    await house.operator.put_pipeline(dataclasses.replace(row, max_concurrent_runs=3))
    swept = await house.gateway.sweep()
    assert await house.pool(row) in swept.pool_ids
    assert [(await house.states(i))["only"] for i in items] == ["ready"] * 3 + ["waiting"]
    await house.operator.put_pipeline(dataclasses.replace(row, max_concurrent_runs=None))
    await house.gateway.sweep()
    assert (await house.states(items[3]))["only"] == "ready"


OUTPUTS = {
    "one sink: its output": ((make.edge("a"), make.edge("b", "a")), {"b": "42"}, "42"),
    "several sinks: an object by step": (
        (make.edge("a"), make.edge("b")),
        {"a": "1", "b": '"x"'},
        '{"a": 1, "b": "x"}',
    ),
    "a skipped sink is absent": ((make.edge("a"), make.edge("b")), {"a": "1"}, '{"a": 1}'),
    "a skipped only sink: none": ((make.edge("a"),), {}, None),
}


@pytest.mark.parametrize(("steps", "outputs", "want"), OUTPUTS.values(), ids=OUTPUTS)
async def test_output_of_a_run(house, steps, outputs, want):
    row = await house.pipeline(*steps)
    item = await house.submit(row)
    for _ in steps:
        lease = await house.lease(row)
        output = outputs.get(lease.step)
        last = lease.step in outputs or any(lease.step in s.depends_on for s in steps)
        await house.gateway.complete([make.completion(lease, output or '"-"', skipped=not last)])
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.output) == (RunStatus.SUCCEEDED, want)
