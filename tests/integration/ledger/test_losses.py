"""Steps that are cut off: no attempt is spent, and yet they do not go on for ever."""

from __future__ import annotations

import json

import pytest

import ledger_rows as make
from headrace_ledger.records import RunStatus

pytestmark = pytest.mark.postgres

LEFT = "SELECT extract(epoch FROM ready_at - now())::float8 FROM headrace.tasks WHERE id = $1"
LOSSES = {
    "a worker that is gone": ("WorkerLost", "WorkerLost"),
    "a call that is cut off": ("Interrupted", "Interrupted"),
    "now this, now that": ("WorkerLost", "Interrupted"),
}


@pytest.mark.parametrize("kinds", LOSSES.values(), ids=LOSSES)
async def test_a_step_that_comes_to_no_end_five_times_is_taken_for_poison(house, kinds):
    row = await house.pipeline()
    item = await house.submit(row)
    for n in range(5):
        lease = await house.lease(row)
        failure = make.failure(lease, "Resume", error_class=kinds[n % 2], message="cut")
        [settled] = await house.gateway.fail([failure])
        assert settled.outcome == ("Dead" if n == 4 else "Retry")
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.error_class) == (RunStatus.FAILED, kinds[0])
    assert run.message.startswith("PoisonSuspected")
    assert run.message.endswith("last: cut")
    assert [step.attempt for step in run.steps] == [0]  # none was spent


@pytest.mark.parametrize("kind", ["Interrupted", "WorkerLost"])
async def test_a_step_that_is_cut_off_again_and_again_waits_longer_each_time(house, admin, kind):
    row = await house.pipeline(backoff_initial_seconds=8.0, backoff_max_seconds=60.0)
    item = await house.submit(row)
    for want in (4, 8, 16):  # halves: the tests say so for the jitter
        lease = await house.lease(row)
        await house.gateway.fail([make.failure(lease, "Resume", error_class=kind)])
        assert await house.states(item) == {"only": "parked"}
        assert want - 3 < await admin.fetchval(LEFT, lease.task) <= want
        await admin.execute("UPDATE headrace.tasks SET ready_at = now() WHERE id = $1", lease.task)
        await house.gateway.sweep()
    told = [json.loads(e.data) for e in await house.events(item) if e.type == "step.failed"]
    assert [(e["action"], e["reason"]) for e in told] == [("Resume", "Backoff")] * 3
    assert all("resumesAt" in e for e in told)


async def test_a_lease_that_ran_out_has_waited_long_enough(house, admin):
    row = await house.pipeline(backoff_initial_seconds=8.0, backoff_max_seconds=60.0)
    item = await house.submit(row)
    lease = await house.lease(row)
    await admin.execute(
        "UPDATE headrace.tasks SET lease_until = now() - interval '1 s' WHERE id = $1", lease.task
    )
    await house.gateway.sweep()
    assert await house.states(item) == {"only": "ready"}


async def test_a_hand_back_runs_elsewhere_at_once(house):
    row = await house.pipeline(backoff_initial_seconds=8.0, backoff_max_seconds=60.0)
    item = await house.submit(row)
    for _ in range(7):
        [settled] = await house.gateway.release([make.released(await house.lease(row))])
        assert settled.outcome == "Released"
    assert await house.states(item) == {"only": "ready"}
    [step] = (await house.gateway.run(house.tenant, item.id)).steps
    assert (step.attempt, step.losses) == (1, 0)


async def test_regression_07_a_hundred_lost_workers_leases_all_come_back(house, admin):
    row = await house.pipeline()
    pool = await house.pool(row)
    await house.gateway.accept([make.submit(row) for _ in range(100)])
    wishes = [make.wish(house.tenant, pool, worker=f"lost-{n}") for n in range(100)]
    lost = [lease for leases in await house.gateway.claim(wishes) for lease in leases]
    assert len({lease.task for lease in lost}) == 100
    await admin.execute(
        "UPDATE headrace.tasks SET lease_until = now() - interval '1 s' WHERE tenant = $1",
        house.tenant,
    )
    while (await house.gateway.sweep()).more:
        pass
    again = await house.claim(row, 100)
    assert {lease.task for lease in again} == {lease.task for lease in lost}
    assert {lease.attempt for lease in again} == {lost[0].attempt}  # no attempt was spent
