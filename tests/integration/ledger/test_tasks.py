from __future__ import annotations

import dataclasses
import json

import pytest

import ledger_rows as make
from headrace_ledger.records import HeldLease, Release, RunStatus

pytestmark = pytest.mark.postgres


def held(lease):
    return HeldLease(lease.tenant, lease.task, lease.fence)


def released(lease, request="r"):
    return Release(lease.tenant, lease.task, lease.fence, make.fresh(request), "worker-1")


async def test_a_claim_takes_as_many_as_it_has_keys_oldest_first(house):
    row = await house.pipeline()
    items = [await house.submit(row) for _ in range(3)]
    leases = await house.claim(row, 2)
    assert {lease.run for lease in leases} == {items[0].id, items[1].id}
    assert len({lease.key_hash for lease in leases}) == 2
    [lease] = await house.claim(row, 2)
    assert (lease.run, lease.fence, lease.attempt, lease.input) == (
        items[2].id,
        1,
        1,
        items[2].input,
    )
    assert 0 < lease.timeout_seconds <= 60
    assert await house.claim(row) == []


async def test_a_retried_claim_finds_its_leases_and_only_the_live_ones(house):
    row = await house.pipeline()
    [await house.submit(row) for _ in range(3)]
    wish = make.wish(house.tenant, await house.pool(row), 2)
    [first] = await house.gateway.claim([wish])
    [again] = await house.gateway.claim([wish])
    assert {(x.task, x.fence, x.key_hash) for x in again} == {
        (x.task, x.fence, x.key_hash) for x in first
    }
    await house.gateway.complete([make.completion(first[0])])
    [again] = await house.gateway.claim([wish])
    assert [x.task for x in again] == [first[1].task]


async def test_an_empty_earlier_answer_is_no_result(house):
    row = await house.pipeline()
    wish = make.wish(house.tenant, await house.pool(row))
    assert await house.gateway.claim([wish]) == [[]]
    await house.submit(row)
    [[lease]] = await house.gateway.claim([wish])
    assert lease.step == "only"


async def test_one_call_claims_for_workers_of_several_tenants(house, operator):
    other = make.fresh("tenant")
    await operator.put_tenant(make.tenant(other))
    mine, theirs = await house.pipeline(), make.pipeline(other)
    await operator.put_pipeline(theirs)
    a, b = await house.submit(mine), await house.submit(theirs)
    pools = [await house.pool(mine), await house.pool(theirs)]
    wishes = [
        make.wish(other, pools[1]),
        make.wish(house.tenant, pools[0]),
        make.wish(other, pools[0]),
    ]
    [[theirs_lease], [mine_lease], wrong] = await house.gateway.claim(wishes)
    assert (theirs_lease.run, mine_lease.run, wrong) == (b.id, a.id, [])


async def test_a_worker_gets_only_the_step_types_that_it_speaks(house):
    row = await house.pipeline(make.edge("h", kind="HTTP"), make.edge("p", kind="Python"))
    await house.submit(row)
    wish = make.wish(house.tenant, await house.pool(row), 2, step_types=("Python", "LLM"))
    [leases] = await house.gateway.claim([wish])
    assert [lease.step for lease in leases] == ["p"]


HOLDS = {
    "a held pipeline": ("pipeline", "Hold", "Held"),
    "a drained pipeline": ("pipeline", "HoldAndDrain", "Interrupt"),
    "a held tenant": ("tenant", "Hold", "Held"),
    "a drained tenant": ("tenant", "HoldAndDrain", "Interrupt"),
}


@pytest.mark.parametrize(("who", "policy", "beat"), HOLDS.values(), ids=HOLDS)
async def test_hold(house, who, policy, beat):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    await house.submit(row)
    lease = await house.lease(row)
    if who == "tenant":
        await house.operator.put_tenant(make.tenant(house.tenant, stop=policy))
    else:
        await house.operator.put_pipeline(dataclasses.replace(row, stop_policy=policy))
    await house.submit(row)  # submits are accepted
    assert await house.claim(row) == []
    assert await house.gateway.heartbeat([held(lease)]) == [beat]
    [counts] = await house.gateway.counts([await house.pool(row)])
    assert counts.held
    # running steps end, and their next one is not started
    [done] = await house.gateway.complete([make.completion(lease, next_key_hash=make.key())])
    assert (done.outcome, done.next) == ("Done", None)
    await house.operator.put_tenant(make.tenant(house.tenant))
    await house.operator.put_pipeline(row)
    assert len(await house.claim(row, 5)) == 2


async def test_a_chain_costs_one_call_a_step_and_carries_outputs_along(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"), make.edge("c", "b"))
    item = await house.submit(row)
    lease = await house.lease(row)
    seen = {}
    while lease is not None:
        assert lease.outputs == seen
        key = make.key()
        done = await house.gateway.complete_one(
            make.completion(lease, f'"{lease.step}"', next_key_hash=key)
        )
        seen[lease.step] = f'"{lease.step}"'
        assert done.outcome == "Done"
        assert done.next is None or done.next.key_hash == key
        lease = done.next
    assert done.run_finished
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.output) == (RunStatus.SUCCEEDED, '"c"')
    want = ["run.accepted"] + [
        f"step.{what} {s}" for s in "abc" for what in ("started", "finished")
    ]
    assert sorted(await house.happened(item)) == sorted([*want, "run.finished"])


async def test_a_retried_complete_finds_its_answer_although_the_fence_is_spent(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    item = await house.submit(row)
    asked = make.completion(await house.lease(row), next_key_hash=make.key())
    first = await house.gateway.complete_one(asked)
    again = await house.gateway.complete_one(asked)
    assert (again.outcome, again.next.task, again.next.fence) == (
        "Done",
        first.next.task,
        first.next.fence,
    )
    [other] = await house.gateway.complete([dataclasses.replace(asked, request_id="another")])
    assert other.outcome == "Stale"
    assert (await house.happened(item)).count("step.finished a") == 1


async def test_a_join_starts_when_the_last_of_its_steps_ends_even_in_one_batch(house):
    row = await house.pipeline(make.edge("a"), make.edge("b"), make.edge("c", "a", "b"))
    item = await house.submit(row)
    leases = await house.claim(row, 2)
    done = await house.gateway.complete(
        [make.completion(x, f'"{x.step}"', next_key_hash=make.key()) for x in leases]
    )
    [following] = [d.next for d in done if d.next is not None]
    assert (following.step, following.outputs) == ("c", {"a": '"a"', "b": '"b"'})
    assert await house.states(item) == {"a": "done", "b": "done", "c": "leased"}


async def test_a_batch_tells_of_each_run_whether_it_is_over(house):
    short, long = await house.pipeline(), await house.pipeline(make.edge("a"), make.edge("b", "a"))
    for row in (short, long):
        await house.submit(row)
    batch = [
        make.completion(await house.lease(row), next_key_hash=make.key()) for row in (short, long)
    ]
    for _ in range(2):  # a retry finds the same
        over, onward = await house.gateway.complete(batch)
        assert (over.run_finished, over.next) == (True, None)
        assert (onward.run_finished, onward.next.step) == (False, "b")


async def test_two_next_steps_go_to_two_keys_and_the_rest_to_the_queue(house):
    row = await house.pipeline(
        make.edge("a"), make.edge("b", "a"), make.edge("c", "a"), make.edge("d", "a", pool="far")
    )
    item = await house.submit(row)
    done = await house.gateway.complete_one(
        make.completion(await house.lease(row), next_key_hash=make.key())
    )
    assert done.next.step == "b"
    assert set(done.pool_ids) == {await house.pool(row), await house.pool(row, "far")}
    assert await house.states(item) == {"a": "done", "b": "leased", "c": "ready", "d": "ready"}


async def test_a_skipped_step_counts_as_done_and_its_output_is_absent(house):
    row = await house.pipeline(make.edge("a"), make.edge("b", "a"))
    item = await house.submit(row)
    done = await house.gateway.complete_one(
        make.completion(await house.lease(row), None, skipped=True, next_key_hash=make.key())
    )
    assert done.next.outputs == {}
    assert await house.states(item) == {"a": "skipped", "b": "leased"}
    assert "step.skipped a" in await house.happened(item)


async def test_the_same_task_twice_in_one_batch(house):
    row = await house.pipeline()
    await house.submit(row)
    asked = make.completion(await house.lease(row))
    done = await house.gateway.complete(
        [asked, asked, dataclasses.replace(asked, request_id="other")]
    )
    assert [d.outcome for d in done] == ["Done", "Done", "Stale"]


async def test_large_outputs_are_kept_but_left_out_of_events(house):
    row = await house.pipeline()
    item = await house.submit(row)
    big = json.dumps("x" * 20_000)
    await house.gateway.complete([make.completion(await house.lease(row), big)])
    events = await house.gateway.events(house.tenant, item.id, after=2, limit=1)
    assert [(e.type, e.data) for e in events] == [("step.finished", '{"truncated": true}')]
    assert (await house.gateway.run(house.tenant, item.id)).output == big
